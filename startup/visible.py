"""Untrusted text on a terminal or in a log: control, reordering and invisible characters are shown as escapes."""

import json
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
_LAYOUT: Final = frozenset("\n\t")
# Letters and marks without width or ink: fillers, joiners, variation selectors.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000))))
)


def is_hidden(character: str) -> bool:
    """Whether a character is invisible or acts on the terminal; a space does neither."""
    return unicodedata.category(character) in _HIDDEN or character in _BLANK


def visible(text: str) -> str:
    """Return a single-line text with hidden characters escaped: `\\x1b`, `\\u202e`, `\\U000e0041`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) if is_hidden(character) else character for character in text)


def visible_lines(text: str) -> str:
    """Return a multi-line text with hidden characters escaped, except newlines and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) if is_hidden(character) and character not in _LAYOUT else character for character in text)


def visible_json(text: str) -> str:
    """Return equivalent JSON with hidden characters as JSON escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(character)[1:-1] if is_hidden(character) and character not in _LAYOUT else character for character in text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
