"""Parser of queries, as Divolte parses them: the first value of a name counts; the checksum covers all of them."""

import re
from binascii import a2b_qp
from typing import Final
from urllib.parse import unquote as unquote_slowly

import msgspec

from cleaning.texts import holds_unwanted

_SEPARATOR: Final = "\x1e"
_ALTERNATING: Final = b"=&" * 4096
_CONTENT: Final = bytes({*range(32, 127)} - set(b"=&"))  # everything else is escaped
_MARKED: Final = bytes.maketrans(b"+&=%", b" \x1e\x1e=")
_NO_CONTROL: Final = bytes({*range(32, 256)} - {127})
_is_unusual = re.compile("%(?![0-9A-Fa-f]{2})|[^\x20-\x7e]").search


class Query(msgspec.Struct, frozen=True, gc=False):
    """The parameters of a query."""

    first: dict[str, str]
    all_values: dict[str, list[str]] | None = None  # by name, if a name occurs more than once
    may_hold_unwanted: bool = True  # False: no text has a control character


def unquote(text: str) -> str:
    """Resolve percent escapes of UTF-8; invalid UTF-8 becomes U+FFFD, invalid escapes stay."""
    if _is_unusual(text):
        return unquote_slowly(text, errors="replace")
    # Quoted-printable is the same with another sign and is decoded in C, in a tenth of the time.
    return a2b_qp(text.replace("=", "=3D").replace("%", "=")).decode("utf-8", "replace")


def read_query(query: bytes) -> Query:
    """Parse a query; this never fails."""
    separators = query.translate(None, _CONTENT)
    count = len(separators) + 1
    # Quoted-printable is percent encoding with another sign and is decoded in C, all at once. Each escape makes the text two bytes shorter.
    decoded = a2b_qp(query.translate(_MARKED))
    texts = decoded.decode("utf-8", "replace").split(_SEPARATOR)
    are_all_escapes = len(query) - len(decoded) == 2 * query.count(b"%")
    if separators != _ALTERNATING[: count - 1] or count % 2 or len(texts) != count or not are_all_escapes:
        return _read_unusual(query)
    pairs = iter(texts)
    first = dict(zip(pairs, pairs))  # noqa: B905  (their number is even)
    if 2 * len(first) != count:
        return _read_unusual(query)  # a name occurs more than once
    return Query(first, None, len(decoded.translate(None, _NO_CONTROL)) >= count or (not decoded.isascii() and holds_unwanted(decoded)))


def _read_unusual(query: bytes) -> Query:
    """Parse a query pair by pair: with empty or incomplete pairs, invalid escapes, or duplicate names."""
    values: dict[str, list[str]] = {}
    for piece in filter(None, query.decode("utf-8", "replace").replace("+", " ").split("&")):
        name, _, value = piece.partition("=")
        values.setdefault(unquote(name), []).append(unquote(value))
    first = {name: several[0] for name, several in values.items()}
    return Query(first, values if any(len(several) > 1 for several in values.values()) else None)
