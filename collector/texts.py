"""Texts of visitors: which cannot be kept at all, and what is removed from the others."""

import re

MAX_TEXT = 8192  # characters of one text of an event
TOO_LONG = "of length <="  # what the decoder says of a longer one
CONTROL = re.compile("[\x01-\x1f\x7f-\x9f]")

# JSON escapes, one at a time from the left, so that the backslash of an escaped backslash is never taken for another's.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def may_hold_controls(body: bytes) -> bool:
    """Tell whether texts in a JSON body can hold control characters: only if there is an escape, a DEL or the lead byte of a C1."""
    return 92 in body or 127 in body or 194 in body  # integers: `b"x" in body` takes six times as long


def mark_lone_surrogates(body: bytes) -> bytes:
    """Put NUL in the place of half surrogate pairs, which no UTF-8 can hold, so that the rest of the body can be read."""
    return _ESCAPE.sub(lambda match: b"\\u0000" if match[1] else match[0], body)


def without_controls(text: str) -> str:
    """Remove control characters."""
    return text if text.isprintable() else CONTROL.sub("", text)


def header_text(value: bytes) -> str:
    """Read a header's value as UTF-8, or as Latin-1 where it is none (RFC 9110, section 5.5), without control characters."""
    try:
        return without_controls(value.decode())
    except UnicodeDecodeError:
        return without_controls(value.decode("latin-1"))
