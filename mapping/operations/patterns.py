"""Regular expressions as Java and Python spell them; one that matches, matches the whole text."""

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
        "\\Z": r"(?=(?:\r\n|(?<!\r)\n|[\r\x85\u2028\u2029])?\Z)",  # before the last end of a line, too
        "\\G": r"\A",  # where the last match ended: there was none
        "\\R": r"(?:\r\n|[\n-\r\x85\u2028\u2029])",
    }
)
_JAVA_ONLY: Final = frozenset(("\\z", "\\Z", "\\G", "\\R", "\\X", "\\P"))


def read(pattern: object) -> str:
    """Give an expression in Python's spelling; raises ValueError, saying why, where there is none."""
    if not isinstance(pattern, str):
        raise TypeError(f"match takes a regular expression as a text, not {pattern!r}")
    try:
        spelled = _spelled(pattern)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # sets in sets: Java joins them, Python takes the signs
            compiled(spelled)
    except (re.error, Warning, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return spelled


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile an expression; as in Java, letters and digits are those of ASCII."""
    return re.compile(pattern, re.ASCII)


def group_of(pattern: str, which: object) -> int | str:
    """Check that an expression has a group."""
    made = compiled(pattern)
    if isinstance(which, str) and which in made.groupindex:
        return which
    if isinstance(which, int) and not isinstance(which, bool) and 0 <= which <= made.groups:
        return which
    named = "".join(f", {name!r}" for name in made.groupindex)
    raise ValueError(f"the expression has no group {which!r}; it has 0 to {made.groups}{named}")


def _spelled(pattern: str) -> str:
    written: list[str] = []
    in_set = False
    for step in _STEP.finditer(pattern):
        text = step[0]
        if text[0] == "[":
            in_set = True
        elif text == "]" and in_set:
            in_set = False
        written.append(_step(text, in_set))
    return "".join(written)


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
            raise ValueError(f"{text} is not known; known are {', '.join(_CLASSES)}")
        return inside if in_set else f"[{inside}]"
    known = _IN_SET if in_set else _OUTSIDE
    if text in _JAVA_ONLY and text not in known:
        raise ValueError(f"{text} has no counterpart in Python{' within [...]' if text in _OUTSIDE else ''}")
    return known.get(text, text)
