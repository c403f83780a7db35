"""Mincode: the encoding of JSON values in which Divolte's tracker sends event parameters."""

import re
from decimal import Context, Decimal
from math import isinf
from typing import Final

import msgspec

from cleaning import parameters
from cleaning.click_ids import without_values_json
from cleaning.parameters import MAX_BYTES, MAX_DEPTH, MAX_KEYS

WITHOUT_CLICK_IDS: Final = "-"  # prefix of a text whose click ids must be removed; no value begins with it
MAX_DIGITS: Final = 198  # of a number in base 36: the largest that a double, as in JavaScript, can represent
MIN_EXPONENT: Final = -400
MAX_WHOLE_EXPONENT: Final = 20  # above it, JavaScript writes whole numbers with an exponent

_escaped_text = re.compile("((?:[^!~]|~.)*)!", re.DOTALL).match
_is_integer = re.compile("[+-]?[0-9A-Za-z]+").fullmatch
_is_decimal = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?").fullmatch
_escape = re.compile("~(.)", re.DOTALL)
_closings = re.compile(r"\)|\.(?![0-9])").findall  # a point before a digit is part of a number and closes nothing
_exact = Context(prec=10_000)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Undecodable(Exception):
    """A text is not valid mincode."""


class TooDeep(Undecodable):
    """A value is nested deeper than event parameters may be."""


def decode(text: str | None, is_strict: bool) -> object:
    """Return the value at the beginning of a text; None if it is not valid.

    Whole numbers become int. Others become Decimal with the original digits if `is_strict`, otherwise the number that JavaScript had.
    """
    if not text:
        return None
    if text[0] == WITHOUT_CLICK_IDS and not is_strict:
        return without_values_json(decode(text[1:], is_strict=False))
    try:
        return _Parser(text, is_strict).value(0)[0]
    except (Undecodable, IndexError):
        return None


def problem_of(text: str) -> str | None:
    """Return why the parameters in a text are too large; None if they are not, or if they are not valid mincode."""
    # Each container has one closing character, each key another, and no character becomes more than six bytes of JSON.
    is_shallow = text.count(")") + text.count(".") <= MAX_DEPTH or len(_closings(text)) <= MAX_DEPTH
    if is_shallow and len(text) * 6 <= MAX_BYTES and text.count("!") <= MAX_KEYS:
        return None
    try:
        value = _Parser(text, is_strict=False).value(0)[0]
    except TooDeep:
        return f"parameters are nested deeper than {MAX_DEPTH}"
    except (Undecodable, IndexError):
        return None
    return parameters.problem_of(value, json_text(value))


def json_text(value: object) -> bytes:
    """Encode a decoded value as JSON."""
    return _encode(value)


def number_text(number: int | float | Decimal, is_strict: bool) -> str:
    """Return the text of a number for `.value()` of a mapping: as Java prints it if `is_strict`, otherwise in plain digits."""
    if isinstance(number, int):
        return str(number)
    if is_strict:
        return _java_double(number) if isinstance(number, float) else str(number)
    exact = Decimal(repr(number)) if isinstance(number, float) else number
    plain = decimal_value(exact)
    return str(plain if isinstance(plain, int) else exact.normalize(_exact)).replace("E", "e")


def _java_double(number: float) -> str:
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    point = len(digits) + int(exponent)  # digits before the point
    if number and not -3 < point <= 7:
        first, *others = map(str, digits)
        return f"{'-' * sign}{first}.{''.join(others).rstrip('0') or '0'}E{point - 1}"
    return f"{Decimal(repr(number)):f}" if exponent else f"{number:.1f}"


def decimal_value(number: Decimal) -> int | float | Decimal:
    """Return the number that JavaScript had: an int if it prints as one, the exact decimal if a double cannot represent it."""
    if number == number.to_integral_value() and number.adjusted() <= MAX_WHOLE_EXPONENT:
        return int(number)
    rounded = float(number)
    return rounded if Decimal(repr(rounded)) == number else number.normalize(_exact)


class _Parser:
    """A parser of one text. Each method takes an offset and returns a value and the offset after it."""

    def __init__(self, text: str, is_strict: bool) -> None:
        self._text = text
        self._is_strict = is_strict

    def value(self, at: int, depth: int = 1) -> tuple[object, int]:
        return self._payload(self._text[at], at + 1, depth)

    def _payload(self, letter: str, at: int, depth: int) -> tuple[object, int]:
        if letter == "s":
            return self._string(at)
        if letter == "d":
            return self._integer(at)
        if letter in {"(", "a"}:
            if depth > MAX_DEPTH:
                raise TooDeep
            return self._object(at, depth) if letter == "(" else self._array(at, depth)
        if letter == "j":
            return self._number(at)
        try:
            return _CONSTANTS[letter], at
        except KeyError:
            raise Undecodable from None

    def _string(self, at: int) -> tuple[str, int]:
        end = self._text.find("!", at)
        content = self._text[at:end]
        if end >= 0 and "~" not in content:
            return content, end + 1
        found = _escaped_text(self._text, at)
        if found is None:
            raise Undecodable
        return _escape.sub(r"\1", found[1]), found.end()

    def _plain(self, at: int) -> tuple[str, int]:
        end = self._text.find("!", at)
        if end < 0:
            raise Undecodable
        return self._text[at:end], end + 1

    def _integer(self, at: int) -> tuple[int, int]:
        digits, at = self._plain(at)
        if not _is_integer(digits) or len(digits) > MAX_DIGITS:
            raise Undecodable
        return int(digits, 36), at

    def _number(self, at: int) -> tuple[int | float | Decimal, int]:
        digits, at = self._plain(at)
        if not _is_decimal(digits):
            raise Undecodable
        if not self._is_strict and repr(double := float(digits)) == digits and digits[-2:] != ".0":
            return double, at  # the common case
        number = Decimal(digits)
        if number and (number.adjusted() < MIN_EXPONENT or isinf(float(number))):
            raise Undecodable
        if number.as_tuple().exponent == 0:
            return int(number), at
        return (number.normalize(_exact) if number else Decimal(0)) if self._is_strict else decimal_value(number), at

    def _object(self, at: int, depth: int) -> tuple[dict[str, object], int]:
        members: dict[str, object] = {}
        text, string = self._text, self._string
        while (letter := text[at]) != ")":
            name, at = string(at + 1)
            members[name], at = string(at) if letter == "s" else self._payload(letter, at, depth + 1)
        return members, at + 1

    def _array(self, at: int, depth: int) -> tuple[list[object], int]:
        elements: list[object] = []
        while self._text[at] != ".":
            element, at = self.value(at, depth + 1)
            elements.append(element)
        return elements, at + 1


_CONSTANTS: Final = {"t": True, "f": False, "n": None}
