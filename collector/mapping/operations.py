"""What the operations of the language do at run time. Each takes values that are present, and gives None where there is no answer."""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from collector.mapping import avro
from collector.urls import AddressRules, decode_percent, query_pairs

Pairs: TypeAlias = list[tuple[str, str]]

_INTEGER = re.compile(r"-?[0-9]{1,19}").fullmatch
_FLOATING = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch

# Operations that are no more than an expression; they are asked even where a value is absent.
INLINE: Mapping[str, str] = {
    "is_present": "({0} is not None)",
    "is_absent": "({0} is None)",
    "equal": "({0} == {1})",
    "and": "(None if {0} is None or {1} is None else {0} and {1})",
    "or": "(None if {0} is None or {1} is None else {0} or {1})",
    "not": "(None if {0} is None else not {0})",
    "whole": "(None if {0} is None else int({0}))",
}


def cut(text: str, most: int) -> str:
    """Keep so many characters."""
    return text[:most]


def uri(text: str) -> SplitResult | None:
    """Take an address apart (RFC 3986)."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts


def query_value(pairs: Pairs, name: str) -> str | None:
    """Find the first value of a name."""
    return next((value for key, value in pairs if key == name), None)


def query_first_of(pairs: Pairs, *names: str) -> str | None:
    """Find the first pair whose name is one of those."""
    return next((f"{key}:{value}" for key, value in pairs if key in names and value), None)


def json_path(value: object, *steps: str | int) -> object:
    """Walk into a JSON value."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def _scalar(value: object) -> object:
    """Unwrap a list of one; a list of several or an object is no scalar."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def json_text_of(value: object) -> str | None:
    """Give the text of a scalar."""
    value = _scalar(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


def json_integer(value: object, bits: int) -> int | None:
    """Read a whole number: fractions are cut off, the text of an integer counts (the table of Divolte's mapping)."""
    value = _scalar(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return parse_integer(value.strip(), bits)
    if not isinstance(value, int | float):
        return None
    number = int(value)
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def json_floating(value: object) -> float | None:
    """Read a number or the text of one."""
    value = _scalar(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return parse_fp(value.strip())
    return _finite(value) if isinstance(value, int | float) else None


def json_boolean(value: object) -> bool | None:
    """Read a boolean: integers count, and true and false as text in lower, upper or title case."""
    value = _scalar(value)
    if isinstance(value, str):
        return {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}.get(value)
    return bool(value) if isinstance(value, int) else None


def parse_integer(text: str, bits: int) -> int | None:
    """Read ASCII digits with an optional minus, within range."""
    if not _INTEGER(text):
        return None
    number = int(text)
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def parse_fp(text: str) -> float | None:
    """Read a decimal number, finite."""
    return _finite(float(text)) if len(text) <= 64 and _FLOATING(text) else None


def _finite(number: float) -> float | None:
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


def functions(rules: AddressRules) -> dict[str, Callable[..., object]]:
    """Give every operation by its name in a Call."""
    return {
        "page_address": rules.page,
        "referrer_address": rules.referrer,
        "cut": cut,
        "uri": uri,
        "uri_scheme": lambda parts: parts.scheme or None,
        "uri_host": lambda parts: parts.hostname,
        "uri_port": lambda parts: parts.port,
        "uri_path": lambda parts: decode_percent(parts.path),
        "uri_raw_path": lambda parts: parts.path,
        "uri_raw_query": lambda parts: parts.query or None,
        "uri_decoded_query": lambda parts: decode_percent(parts.query) or None,
        "uri_raw_fragment": lambda parts: parts.fragment or None,
        "uri_decoded_fragment": lambda parts: decode_percent(parts.fragment) or None,
        "uri_query": lambda parts: query_pairs(parts.query),
        "query_value": query_value,
        "query_first_of": query_first_of,
        "json_path": json_path,
        "json_text_of": json_text_of,
        "json_int32": lambda value: json_integer(value, 32),
        "json_int64": lambda value: json_integer(value, 64),
        "json_floating": json_floating,
        "json_boolean": json_boolean,
        "json_encode": msgspec.json.encode,
        "parse_int32": lambda text: parse_integer(text, 32),
        "parse_int64": lambda text: parse_integer(text, 64),
        "parse_fp": parse_fp,
        "parse_bool": lambda text: text.lower() == "true",
        "to_single": to_single,
    }
