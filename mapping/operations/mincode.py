"""Mincode: the spelling of JSON values in which Divolte's tracker sends a page's own parameters."""

import re
from decimal import Context, Decimal
from math import isinf
from typing import Final

import msgspec

from cleaning import parameters
from cleaning.click_ids import without_values_json
from cleaning.parameters import MAX_BYTES, MAX_DEPTH, MAX_KEYS

WITHOUT_CLICK_IDS: Final = "-"  # before a text, no value of which begins so: the values of click ids in it are not to be known
MAX_DIGITS: Final = 198  # of a number in base 36: what a double holds, which all numbers of JavaScript are
MIN_EXPONENT: Final = -400
MAX_WHOLE_EXPONENT: Final = 20  # beyond it JavaScript writes whole numbers with an exponent too

_escaped_text = re.compile("((?:[^!~]|~.)*)!", re.DOTALL).match
_is_integer = re.compile("[+-]?[0-9A-Za-z]+").fullmatch
_is_decimal = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?").fullmatch
_escape = re.compile("~(.)", re.DOTALL)
_closings = re.compile(r"\)|\.(?![0-9])").findall  # a digit stands behind the point of a number, and begins no value
_exact = Context(prec=10_000)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Undecodable(Exception):
    """A text is no mincode."""


class TooDeep(Undecodable):
    """A value is nested deeper than parameters may be."""


def decode(text: str | None, is_strict: bool) -> object:
    """Give the value a text begins with; None if there is none.

    Whole numbers come as int. Others come as Decimal where the original's text is asked for, else as what JavaScript would print.
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
    """Say what is too large about the parameters in a text; None if nothing is, or if it is no mincode at all."""
    # Each container is closed by a sign of its own, each key by another, and no sign becomes more than six bytes of JSON.
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
    """Write a decoded value as JSON."""
    return _encode(value)


def number_text(number: int | float | Decimal, is_strict: bool) -> str:
    """Write a number as `.value()` of a mapping gives it: as Java's classes do, or in plain digits."""
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
    """Give a decimal as the number that JavaScript had: whole if it prints so, exact if it fits no double."""
    if number == number.to_integral_value() and number.adjusted() <= MAX_WHOLE_EXPONENT:
        return int(number)
    rounded = float(number)
    return rounded if Decimal(repr(rounded)) == number else number.normalize(_exact)


class _Parser:
    """Reads one text; each method takes a position and gives what it read and the position behind."""

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
            return double, at  # as most are
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
