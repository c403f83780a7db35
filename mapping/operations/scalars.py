"""Texts and JSON scalars read as numbers, booleans and texts, by Divolte's rules."""

import math
import re
from decimal import Decimal
from typing import Final

from mapping import avro
from mapping.operations.mincode import number_text
from mapping.operations.nulls import NULL

_INTEGER: Final = re.compile(r"-?[0-9]+").fullmatch
_FLOATING: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[fFdD]?").fullmatch
_HEX_FLOATING: Final = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?").fullmatch
_ENDLESS: Final = re.compile(r"[+-]?(NaN|Infinity)").fullmatch
_TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST: Final = 400  # digits of a text that is read as a number


def _scalar(value: object) -> object:
    """Unwrap a list of one; a list of several or an object is no scalar."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def json_text(value: object, is_strict: bool) -> str | None:
    """Give the text of a scalar; a list of one is its element."""
    return scalar_text(_scalar(value), is_strict)


def scalar_text(value: object, is_strict: bool) -> str | None:
    """Give the text of a text, a number or a boolean."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value, is_strict) if isinstance(value, int | float | Decimal) else None


def json_value(value: object, name: str, is_strict: bool) -> str | None:
    """Give the text of a property; where it has none, Divolte's is empty, or `null` for null."""
    found = value.get(name, value) if isinstance(value, dict) else value
    text = None if found is value else scalar_text(found, is_strict)
    if text is None and is_strict:
        return "null" if found is None else ""
    return text


def digested_text(value: object, is_strict: bool) -> str | None:
    """Give the text of a JSON value that a digest takes in."""
    return "null" if is_strict and value is NULL else scalar_text(value, is_strict)


def json_integer(value: object, bits: int) -> int | None:
    """Read a whole number: fractions are cut off, the text of an integer counts."""
    value = _scalar(value)
    if isinstance(value, str):
        return parse_integer(value.strip(), bits)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    bound = 1 << bits - 1
    return int(value) if -bound - 1 < value < bound else None


def json_floating(value: object) -> float | None:
    """Read a number or the text of one."""
    value = _scalar(value)
    if isinstance(value, str):
        return parse_floating(value.strip())
    return finite(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def json_number(value: object, *, is_whole: bool = False) -> float | Decimal | None:
    """Return a number of any size, or that of a text; a text with a fraction is not a whole number."""
    value = _scalar(value)
    if isinstance(value, str):
        text = value.strip()
        return parse_floating_strictly(text) if not is_whole else int(text) if len(text) <= _LONGEST and _INTEGER(text) else None
    return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def json_boolean(value: object) -> bool | None:
    """Read a boolean: integers count, and true and false as text in lower, upper or title case."""
    value = _scalar(value)
    if isinstance(value, str):
        return _TRUTHS.get(value)
    return bool(value) if isinstance(value, int) else None


def parse_integer(text: str, bits: int) -> int | None:
    """Read ASCII digits with an optional minus, within range."""
    if not _INTEGER(text) or len(text) > _LONGEST:
        return None
    number = int(text)
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def parse_floating(text: str) -> float | None:
    """Read a number as Java writes it in source code; None if it is none, or not finite."""
    number = parse_floating_strictly(text)
    return None if number is None else finite(number)


def parse_floating_strictly(text: str) -> float | None:
    """Read a number as Java writes it in source code, endless ones too."""
    if len(text) > _LONGEST:
        return None
    if _FLOATING(text):
        return float(text.rstrip("fFdD"))
    if _ENDLESS(text):
        return float(text)
    try:
        return float.fromhex(text.rstrip("dDfF") if "p" in text.lower() else text) if _HEX_FLOATING(text) else None
    except OverflowError:
        return math.inf


def finite(number: float | Decimal) -> float | None:
    """Fit a number into 64 bits, or give nothing."""
    try:
        result = float(number)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def to_single(number: float) -> float | None:
    """Fit a number into 32 bits, or give nothing."""
    try:
        avro.pack_float(number)
    except OverflowError:
        return None
    return number
