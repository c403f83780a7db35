"""Reads the query of a request as Divolte does: the first value of a name counts, all of them are signed."""

import re
from binascii import a2b_qp
from typing import NamedTuple
from urllib.parse import unquote as unquote_slowly

_is_unusual = re.compile("%(?![0-9A-Fa-f]{2})|[^\x20-\x7e]").search


class Query(NamedTuple):
    """The parameters of a query."""

    first: dict[str, str]
    repeated: dict[str, list[str]] | None = None  # all values of all names, if one of them came twice


def unquote(text: str) -> str:
    """Resolve percent escapes of UTF-8; what is no UTF-8 becomes U+FFFD, what is no escape stays."""
    if _is_unusual(text):
        return unquote_slowly(text, errors="replace")
    # Quoted-printable is the same with another sign, and is decoded in C: a tenth of the time.
    return a2b_qp(text.replace("=", "=3D").replace("%", "=")).decode("utf-8", "replace")


def read_query(query: bytes) -> Query:
    """Read a query; whatever it holds, something comes of it."""
    text = query.decode("utf-8", "replace").replace("+", " ")
    if "%" in text:
        text = text.replace("%3A", ":").replace("%2F", "/")  # neither separates anything
    pieces = text.split("&")
    first: dict[str, str] = {}
    for piece in pieces:  # faster than anything with fewer lines
        name, _, value = piece.partition("=")
        first[name] = unquote(value) if "%" in value else value
    if len(first) != len(pieces) or "" in first or "%" in "".join(first):
        return _read_unusual(pieces)
    return Query(first)


def _read_unusual(pieces: list[str]) -> Query:
    """Read empty pieces, names that are escaped, and names that come more than once."""
    values: dict[str, list[str]] = {}
    for piece in filter(None, pieces):
        name, _, value = piece.partition("=")
        values.setdefault(unquote(name), []).append(unquote(value))
    first = {name: several[0] for name, several in values.items()}
    return Query(first, values if any(len(several) > 1 for several in values.values()) else None)
