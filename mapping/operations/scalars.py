"""Conversions of texts and JSON scalars to numbers, booleans and texts, by Divolte's rules."""

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
_NON_FINITE: Final = re.compile(r"[+-]?(NaN|Infinity)").fullmatch
_TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_DIGITS: Final = 400  # of a text that is parsed as a number


def _scalar(value: object) -> object:
    """Return the item of a list of one; other lists and objects are not scalars."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def json_text(value: object, is_strict: bool) -> str | None:
    """Return the text of a scalar; a list of one counts as its item."""
    return scalar_text(_scalar(value), is_strict)


def scalar_text(value: object, is_strict: bool) -> str | None:
    """Return the text of a text, a number or a boolean."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value, is_strict) if isinstance(value, int | float | Decimal) else None


def json_value(value: object, name: str, is_strict: bool) -> str | None:
    """Return the text of a property. If it has none, Divolte returns an empty text, or `null` for null."""
    found = value.get(name, value) if isinstance(value, dict) else value
    text = None if found is value else scalar_text(found, is_strict)
    if text is None and is_strict:
        return "null" if found is None else ""
    return text


def digested_text(value: object, is_strict: bool) -> str | None:
    """Return the text of a JSON value for a digest."""
    return "null" if is_strict and value is NULL else scalar_text(value, is_strict)


def json_integer(value: object, bits: int) -> int | None:
    """Convert to a whole number: a fraction is cut off, and the text of an integer is parsed."""
    value = _scalar(value)
    if isinstance(value, str):
        return parse_integer(value.strip(), bits)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    bound = 1 << bits - 1
    return int(value) if -bound - 1 < value < bound else None


def json_floating(value: object) -> float | None:
    """Convert a number or the text of one."""
    value = _scalar(value)
    if isinstance(value, str):
        return parse_floating(value.strip())
    return finite(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def json_number(value: object, *, is_whole: bool = False) -> float | Decimal | None:
    """Convert a number of any size, or the text of one; the text of a fraction is not a whole number."""
    value = _scalar(value)
    if isinstance(value, str):
        text = value.strip()
        return parse_floating_strictly(text) if not is_whole else int(text) if len(text) <= _MAX_DIGITS and _INTEGER(text) else None
    return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def json_boolean(value: object) -> bool | None:
    """Convert to a boolean: integers, and the texts true and false in lower, upper or title case."""
    value = _scalar(value)
    if isinstance(value, str):
        return _TRUTHS.get(value)
    return bool(value) if isinstance(value, int) else None


def parse_integer(text: str, bits: int) -> int | None:
    """Parse ASCII digits with an optional minus sign, within the range of that many bits."""
    if not _INTEGER(text) or len(text) > _MAX_DIGITS:
        return None
    number = int(text)
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def parse_floating(text: str) -> float | None:
    """Parse a number in the syntax of Java; None if it is not valid or not finite."""
    number = parse_floating_strictly(text)
    return None if number is None else finite(number)


def parse_floating_strictly(text: str) -> float | None:
    """Parse a number in the syntax of Java, also NaN and Infinity."""
    if len(text) > _MAX_DIGITS:
        return None
    if _FLOATING(text):
        return float(text.rstrip("fFdD"))
    if _NON_FINITE(text):
        return float(text)
    try:
        return float.fromhex(text.rstrip("dDfF") if "p" in text.lower() else text) if _HEX_FLOATING(text) else None
    except OverflowError:
        return math.inf


def finite(number: float | Decimal) -> float | None:
    """Convert to a finite double; None if it does not fit."""
    try:
        result = float(number)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def to_single(number: float) -> float | None:
    """Return a number that fits into a float; None otherwise."""
    try:
        avro.pack_float(number)
    except OverflowError:
        return None
    return number
