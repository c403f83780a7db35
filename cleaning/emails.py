"""Masking of e-mail addresses in visitors' texts, in any encoding, because they identify a person."""

import re
import sys
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

MASK: Final = "(email)"

MAX_SUSPECTS: Final = 100  # maximum words of one text that are checked one by one
_BLANKS = re.compile(r"(\s+)")
_MAX_LAYERS: Final = 8  # nested different encodings; repetitions of one encoding count once
_is_escape = re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f])|&(?:#|amp;|commat|period|percnt|num|lowbar|plus)|\\[ux][0-9A-Fa-f]").search
_NESTED_PERCENT = re.compile("%(?:25)+")  # %252540 is %40, encoded two more times
_AMPERSANDS = re.compile("&(?:amp;)+")
_ENTITY = re.compile("&(?:#0*([0-9]{1,7})(?![0-9])|#[xX]0*([0-9A-Fa-f]{1,6})(?![0-9A-Fa-f])|(commat|period|percnt|num|lowbar|plus));?")
_NAMED: Final = {"commat": "@", "period": ".", "percnt": "%", "num": "#", "lowbar": "_", "plus": "+"}
_CODE_POINT = re.compile(r"[%\\]u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")  # as scripts write them
_QUOTED_PRINTABLE = re.compile("=40(?=[^\\s.]{1,63}\\.)")
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
# Full-width and small characters read as ASCII; the dots are those of RFC 3490, section 3.1.
_AS_ASCII: Final = {0xFF01 + number: 0x21 + number for number in range(94)} | str.maketrans("\u3002\uff61\ufe52\ufe6b\ufe63", "...@-")

# A host contains no character that surrounds addresses in texts; the part before the @ contains anything but separators.
_HOST = re.compile(r"@(?:\[(?:IPv6:)?[0-9A-Fa-f:.]+\]|([^\s@<>()\[\]{},;:\"'!?/\\&=|*#%^~`+$]+))")
_ENDS: Final = frozenset(" \t\n\r\f\v<>()[]{},;:/?&=|")
_is_quad = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}").fullmatch


def mask(text: str) -> str:
    """Mask each e-mail address in a text; a word that hides one in an encoding is replaced completely."""
    return _mask_words(text, _BLANKS, _masked_word)


def mask_parts(text: str, separators: re.Pattern[str]) -> str:
    """Mask each part of a path or a query that contains an e-mail address."""
    return _mask_words(text, separators, lambda part: MASK if holds_email(part) else part)


def _mask_words(text: str, separators: re.Pattern[str], masked: Callable[[str], str]) -> str:
    """Mask words one by one. A text with too many suspects is replaced completely, to bound the work that a visitor can cause."""
    if not may_hold(text) or "@" not in _plain(text):
        return text
    words = separators.split(text)  # each followed by its separator
    suspects = [number for number in range(0, len(words), 2) if may_hold(words[number])]
    if len(suspects) > MAX_SUSPECTS:
        return MASK
    for number in suspects:
        words[number] = masked(words[number])
    return "".join(words)


def holds_email(text: str) -> bool:
    """Whether a text contains an e-mail address, in any encoding."""
    if not may_hold(text):
        return False
    plain = _plain(text)
    return "@" in plain and _masked(plain) != plain


def may_hold(text: str) -> bool:
    """Whether a text may contain an e-mail address: most have neither an @ nor an escape for it."""
    if "@" in text or "\uff20" in text or "\ufe6b" in text or "=40" in text:
        return True
    return ("%" in text or "&" in text or "\\" in text) and _is_escape(text) is not None


def may_hold_in_json(content: bytes) -> bool:
    """Whether the texts of a JSON value may contain an e-mail address."""
    text = content.decode()
    return may_hold(text) and "@" in _plain(text)


def masked_json(value: object) -> object:
    """Mask each e-mail address in the texts and names of a JSON value."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(name): masked_json(inner) for name, inner in value.items()}
    return [masked_json(inner) for inner in value] if isinstance(value, list) else value


def _masked_word(word: str) -> str:
    plain = _plain(word)
    if plain == word:
        return _masked(word)
    return MASK if "@" in plain and _masked(plain) != plain else word


def _plain(text: str) -> str:
    """Decode a text: percent encoding, escapes of HTML and scripts, full-width and invisible characters."""
    for _ in range(_MAX_LAYERS):
        before = text
        if "%" in text:
            text = unquote(_NESTED_PERCENT.sub("%", text), errors="replace")
        if "&" in text:
            text = _ENTITY.sub(_character, _AMPERSANDS.sub("&", text))
        if "%" in text or "\\" in text:
            text = _CODE_POINT.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
        if "=40" in text:
            text = _QUOTED_PRINTABLE.sub("@", text)
        if text == before:
            break
    return text if text.isascii() else _UNSEEN.sub("", text).translate(_AS_ASCII)


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    number = int(decimal) if decimal else int(hexadecimal or "0", 16)
    return _NAMED[name] if name else chr(number) if number <= sys.maxunicode else found[0]


def _masked(text: str) -> str:
    """Mask the addresses in a decoded text; each character is visited a bounded number of times."""
    parts: list[str] = []
    end = 0
    for found in _HOST.finditer(text):
        host = found[1]
        length = len(found[0]) - 1 if host is None else len(host.rstrip(".-_"))
        if host is not None and not _is_host(host[:length]):
            continue
        start = found.start()
        if parts and start == end:  # another @ after an address: the address was part of the name before it
            end += 1 + length
            continue
        while start > end and text[start - 1] not in _ENDS and not text[start - 1].isspace():
            start -= 1
        if text[start : found.start()].strip("@."):
            parts += (text[end:start], MASK)
            end = found.start() + 1 + length
    return "".join((*parts, text[end:]))


def _is_host(name: str) -> bool:
    """Whether a name can be a mail server: its last label has letters only, or it is an IPv4 address."""
    rest, dot, last = name.rpartition(".")
    is_last = len(last) > 1 and (last.startswith("xn--") or not any(sign.isdigit() or sign in "-_" for sign in last))
    return bool(rest.strip(".") and dot and is_last) or _is_quad(name) is not None
