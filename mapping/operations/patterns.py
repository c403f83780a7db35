"""Regular expressions: from Java's syntax to Python's. A match is a match of the whole text."""

import re
import warnings
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

_STEP: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\k<\w+>|\\p\{\w+\}|\\x\{[0-9A-Fa-f]+\}|\\.|\(\?<(?=[A-Za-z])|\[\^?|\]|.", re.DOTALL)
_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Lower": "a-z",
        "Upper": "A-Z",
        "Alpha": "a-zA-Z",
        "Digit": "0-9",
        "Alnum": "a-zA-Z0-9",
        "Punct": r"!-/:-@\[-`{-~",
        "Graph": "!-~",
        "Print": " -~",
        "Blank": r" \t",
        "Space": r" \t\n\x0b\f\r",
        "XDigit": "0-9a-fA-F",
        "Cntrl": r"\x00-\x1f\x7f",
        "ASCII": r"\x00-\x7f",
    }
)
_BLANKS: Final = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_IN_SET: Final[Mapping[str, str]] = MappingProxyType({"\\h": _BLANKS, "\\e": r"\x1b"})
_OUTSIDE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "(?<": "(?P<",
        "\\h": f"[{_BLANKS}]",
        "\\e": r"\x1b",
        "\\z": r"\Z",
        "\\Z": r"(?=(?:\r\n|(?<!\r)\n|[\r\x85\u2028\u2029])?\Z)",  # also before the last line terminator
        "\\G": r"\A",  # the end of the previous match: there was none
        "\\R": r"(?:\r\n|[\n-\r\x85\u2028\u2029])",
    }
)
_JAVA_ONLY: Final = frozenset(("\\z", "\\Z", "\\G", "\\R", "\\X", "\\P"))


def translate(pattern: object) -> str:
    """Return an expression in Python's syntax; raises ValueError with the reason if it is not valid."""
    if not isinstance(pattern, str):
        raise TypeError(f"match takes a regular expression as a text, not {pattern!r}")
    try:
        translated = _translate(pattern)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nested sets: Java joins them, Python takes the characters literally
            compiled(translated)
    except (re.error, Warning, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"not a valid regular expression: {pattern!r}: {error}") from error
    return translated


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile an expression. Letters and digits are those of ASCII, as in Java."""
    return re.compile(pattern, re.ASCII)


def check_group(pattern: str, group: object) -> int | str:
    """Return the group; raises ValueError if the expression lacks it."""
    regex = compiled(pattern)
    if isinstance(group, str) and group in regex.groupindex:
        return group
    if isinstance(group, int) and not isinstance(group, bool) and 0 <= group <= regex.groups:
        return group
    named = "".join(f", {name!r}" for name in regex.groupindex)
    raise ValueError(f"the expression has no group {group!r}; it has 0 to {regex.groups}{named}")


def _translate(pattern: str) -> str:
    parts: list[str] = []
    in_set = False
    for step in _STEP.finditer(pattern):
        text = step[0]
        if text[0] == "[":
            in_set = True
        elif text == "]" and in_set:
            in_set = False
        parts.append(_step(text, in_set))
    return "".join(parts)


def _step(text: str, in_set: bool) -> str:
    if text.startswith("\\Q"):
        return re.escape(text[2:].removesuffix("\\E"))
    if text.startswith("\\k<"):
        return f"(?P={text[3:-1]})"
    if text.startswith("\\x{"):
        return re.escape(chr(int(text[3:-1], 16)))
    if text.startswith("\\p{"):
        inside = _CLASSES.get(text[3:-1])
        if inside is None:
            raise ValueError(f"not a known class: {text}; the classes are {', '.join(_CLASSES)}")
        return inside if in_set else f"[{inside}]"
    known = _IN_SET if in_set else _OUTSIDE
    if text in _JAVA_ONLY and text not in known:
        raise ValueError(f"{text} has no equivalent in Python{' within [...]' if text in _OUTSIDE else ''}")
    return known.get(text, text)
