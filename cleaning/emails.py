"""E-mail addresses in texts of visitors, however they are written, give way to a mask: they say who somebody is."""

import re
import sys
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

MASK: Final = "(email)"

MAX_SUSPECTS: Final = 100  # words of one text that are looked at one by one
_BLANKS = re.compile(r"(\s+)")
_MAX_LAYERS: Final = 8  # of different encodings around each other; how often one of them repeats does not matter
_is_escape = re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f])|&(?:#|amp;|commat|period|percnt|num|lowbar|plus)|\\[ux][0-9A-Fa-f]").search
_REPEATED = re.compile("%(?:25)+")  # %252540 is %40, encoded twice more
_AMPERSANDS = re.compile("&(?:amp;)+")
_ENTITY = re.compile("&(?:#0*([0-9]{1,7})(?![0-9])|#[xX]0*([0-9A-Fa-f]{1,6})(?![0-9A-Fa-f])|(commat|period|percnt|num|lowbar|plus));?")
_NAMED: Final = {"commat": "@", "period": ".", "percnt": "%", "num": "#", "lowbar": "_", "plus": "+"}
_CODE_POINT = re.compile(r"[%\\]u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")  # as scripts write them
_QUOTED_PRINTABLE = re.compile("=40(?=[^\\s.]{1,63}\\.)")
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
# Full-width and small signs are those of ASCII to whoever reads them; the dots are those of RFC 3490, section 3.1.
_AS_ASCII: Final = {0xFF01 + number: 0x21 + number for number in range(94)} | str.maketrans("\u3002\uff61\ufe52\ufe6b\ufe63", "...@-")

# A host has no sign that stands around addresses in texts; what may stand in front of the sign is all but what parts a text.
_HOST = re.compile(r"@(?:\[(?:IPv6:)?[0-9A-Fa-f:.]+\]|([^\s@<>()\[\]{},;:\"'!?/\\&=|*#%^~`+$]+))")
_ENDS: Final = frozenset(" \t\n\r\f\v<>()[]{},;:/?&=|")
_is_quad = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}").fullmatch


def mask(text: str) -> str:
    """Return the text with a mask in the place of each e-mail address; a word that hides one in an encoding goes whole."""
    return _mask_words(text, _BLANKS, _masked_word)


def mask_parts(text: str, separators: re.Pattern[str]) -> str:
    """Return a path or a query with a mask in the place of each part that holds an e-mail address."""
    return _mask_words(text, separators, lambda part: MASK if holds_email(part) else part)


def _mask_words(text: str, separators: re.Pattern[str], masked: Callable[[str], str]) -> str:
    """Mask words one by one. A text of very many that may hide an address goes whole: to look at each is work that a visitor chooses."""
    if not may_hold(text) or "@" not in _plain(text):
        return text
    words = separators.split(text)  # each with what parts it from the next behind it
    suspects = [number for number in range(0, len(words), 2) if may_hold(words[number])]
    if len(suspects) > MAX_SUSPECTS:
        return MASK
    for number in suspects:
        words[number] = masked(words[number])
    return "".join(words)


def holds_email(text: str) -> bool:
    """Whether an e-mail address stands in a text, in whatever encoding."""
    if not may_hold(text):
        return False
    plain = _plain(text)
    return "@" in plain and _masked(plain) != plain


def may_hold(text: str) -> bool:
    """Whether it is worth a look: most texts have neither the sign nor an escape that it could be written with."""
    if "@" in text or "\uff20" in text or "\ufe6b" in text or "=40" in text:
        return True
    return ("%" in text or "&" in text or "\\" in text) and _is_escape(text) is not None


def may_hold_in_json(content: bytes) -> bool:
    """Whether the texts of a JSON value are worth a look."""
    text = content.decode()
    return may_hold(text) and "@" in _plain(text)


def masked_json(value: object) -> object:
    """Return a JSON value with a mask in the place of each e-mail address in its texts and names."""
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
    """Take encodings off a text: percent signs, HTML's and scripts' escapes, full-width and unseen characters."""
    for _ in range(_MAX_LAYERS):
        before = text
        if "%" in text:
            text = unquote(_REPEATED.sub("%", text), errors="replace")
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
    """Mask the addresses of a text without encodings; each character is looked at a bounded number of times."""
    parts: list[str] = []
    end = 0
    for found in _HOST.finditer(text):
        host = found[1]
        length = len(found[0]) - 1 if host is None else len(host.rstrip(".-_"))
        if host is not None and not _is_host(host[:length]):
            continue
        start = found.start()
        if parts and start == end:  # one sign more behind an address: it was part of the name in front
            end += 1 + length
            continue
        while start > end and text[start - 1] not in _ENDS and not text[start - 1].isspace():
            start -= 1
        if text[start : found.start()].strip("@."):
            parts += (text[end:start], MASK)
            end = found.start() + 1 + length
    return "".join((*parts, text[end:]))


def _is_host(name: str) -> bool:
    """Whether a name can be that of a mail server: its last label has letters only, or it is an address of IPv4."""
    rest, dot, last = name.rpartition(".")
    is_last = len(last) > 1 and (last.startswith("xn--") or not any(sign.isdigit() or sign in "-_" for sign in last))
    return bool(rest.strip(".") and dot and is_last) or _is_quad(name) is not None
