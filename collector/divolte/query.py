"""Reads the query of a request as Divolte does: the first value of a name counts, all of them are signed."""

import re
from binascii import a2b_qp
from typing import Final
from urllib.parse import unquote as unquote_slowly

import msgspec

_BETWEEN: Final = "\x1e"
_ALTERNATING: Final = b"=&" * 4096
_CONTENT: Final = bytes(set(range(256)) - set(b"=&"))
_MARKED: Final = bytes.maketrans(b"+&=%", b" \x1e\x1e=")
_NO_CONTROL: Final = bytes({*range(32, 256)} - {127, 194})  # 194 is the lead byte of a C1
_is_unusual = re.compile("%(?![0-9A-Fa-f]{2})|[^\x20-\x7e]").search


class Query(msgspec.Struct, frozen=True, gc=False):
    """The parameters of a query."""

    first: dict[str, str]
    repeated: dict[str, list[str]] | None = None  # all values of all names, if one of them came twice
    may_hold_controls: bool = True  # or else no text can hold a control character


def unquote(text: str) -> str:
    """Resolve percent escapes of UTF-8; what is no UTF-8 becomes U+FFFD, what is no escape stays."""
    if _is_unusual(text):
        return unquote_slowly(text, errors="replace")
    # Quoted-printable is the same with another sign, and is decoded in C: a tenth of the time.
    return a2b_qp(text.replace("=", "=3D").replace("%", "=")).decode("utf-8", "replace")


def read_query(query: bytes) -> Query:
    """Read a query; whatever it holds, something comes of it."""
    separators = query.translate(None, _CONTENT)
    count = len(separators) + 1
    if count % 2 or separators != _ALTERNATING[: count - 1] or query.find(b"%%") >= 0 or 10 in query or 13 in query or not query.isascii():
        return _read_unusual(query)
    # Quoted-printable is percent encoding with another sign, and is decoded in C, all of it at once.
    decoded = a2b_qp(query.translate(_MARKED))
    texts = decoded.decode("utf-8", "replace").split(_BETWEEN)
    first = dict(zip(texts[::2], texts[1::2]))  # noqa: B905  (their number is even)
    if decoded.count(61) != query.count(b"%3D") or len(texts) != count or 2 * len(first) != count or "" in first or query[-1] == 37:
        return _read_unusual(query)  # something is no escape, or comes more than once
    return Query(first, None, len(decoded.translate(None, _NO_CONTROL)) >= count)


def _read_unusual(query: bytes) -> Query:
    """Read a query piece by piece: some may be empty, be no pairs, hold what is no escape, or come more than once."""
    values: dict[str, list[str]] = {}
    for piece in filter(None, query.decode("utf-8", "replace").replace("+", " ").split("&")):
        name, _, value = piece.partition("=")
        values.setdefault(unquote(name), []).append(unquote(value))
    first = {name: several[0] for name, several in values.items()}
    return Query(first, values if any(len(several) > 1 for several in values.values()) else None)
