"""Visitors' texts: those that cannot be stored, and the characters that are removed from the others."""

import re

MAX_TEXT = 8192  # characters of one text of an event
TOO_LONG = "of length <="  # part of the decoder's message for a longer text
CONTROL = re.compile("[\x01-\x1f\x7f-\x9f]")

# Characters that are removed: controls, and invisible characters that reorder, hide or split visible ones.
# Joiners (U+200C, U+200D), variation selectors and the soft hyphen are part of words and emoji, and stay.
UNWANTED = re.compile("[\x01-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_ASCII = bytes(range(128))
_UNWANTED_UTF8 = re.compile(
    rb"\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0"
)

# JSON escapes, one at a time from the left, so that an escaped backslash never starts another escape.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def may_hold_unwanted(body: bytes) -> bool:
    """Whether texts in a JSON body may contain unwanted characters: only with an escape, a DEL or an unwanted character in UTF-8."""
    # 92 is the backslash, 127 DEL. Integers are six times as fast as `b"x" in body`.
    return 92 in body or 127 in body or (not body.isascii() and holds_unwanted(body))


def holds_unwanted(text: bytes) -> bool:
    """Whether UTF-8 contains an unwanted character beyond ASCII."""
    # The first bytes of these characters; texts in most languages have none of them.
    may_hold = 226 in text or 194 in text or 216 in text or 239 in text or 243 in text
    return may_hold and _UNWANTED_UTF8.search(text.translate(None, _ASCII)) is not None


def mark_lone_surrogates(body: bytes) -> bytes:
    """Replace lone surrogates, which UTF-8 cannot encode, with NUL so that the rest of the body can be decoded."""
    return _ESCAPE.sub(lambda match: b"\\u0000" if match[1] else match[0], body)


def without_unwanted(text: str) -> str:
    """Remove unwanted characters."""
    return text if text.isprintable() else UNWANTED.sub("", text)


def header_text(value: bytes) -> str:
    """Decode a header value as UTF-8 or else as Latin-1 (RFC 9110, section 5.5), without unwanted characters."""
    try:
        return without_unwanted(value.decode())
    except UnicodeDecodeError:
        return without_unwanted(value.decode("latin-1"))
