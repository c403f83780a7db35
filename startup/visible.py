"""Texts of others on a terminal or in a log: characters that act, reorder or cannot be seen are shown as escapes."""

import json
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
_LAYOUT: Final = frozenset("\n\t")
# Have a width of nothing, or are blank, though Unicode calls them letters and marks: fillers, joiners, variation selectors.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000))))
)


def is_hidden(sign: str) -> bool:
    """Whether a character cannot be seen as itself; a blank can, in front of what follows."""
    return unicodedata.category(sign) in _HIDDEN or sign in _BLANK


def visible(text: str) -> str:
    """Return a text of one line in which every character can be seen: `\\x1b`, `\\u202e`, `\\U000e0041` for what cannot."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(sign) if is_hidden(sign) else sign for sign in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines in which every character but the layout can be seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(sign) if is_hidden(sign) and sign not in _LAYOUT else sign for sign in text)


def visible_json(text: str) -> str:
    """Return JSON that means the same, in which every character can be seen: JSON has escapes of its own."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(sign)[1:-1] if is_hidden(sign) and sign not in _LAYOUT else sign for sign in text)


def _escape(sign: str) -> str:
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
