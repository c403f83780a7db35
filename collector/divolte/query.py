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
        pairs = [_unquoted(piece) if "%" in piece else piece.partition("=") for piece in text.split("&") if piece]
    else:
        pairs = [piece.partition("=") for piece in text.split("&") if piece]
    first = {name: value for name, _, value in pairs}
    return Query(first) if len(first) == len(pairs) else _with_repeats(pairs)


def _unquoted(piece: str) -> tuple[str, str, str]:
    name, sign, value = piece.partition("=")
    return unquote(name) if "%" in name else name, sign, unquote(value) if "%" in value else value


def _with_repeats(pairs: list[tuple[str, str, str]]) -> Query:
    values: dict[str, list[str]] = {}
    for name, _, value in pairs:
        values.setdefault(name, []).append(value)
    return Query({name: several[0] for name, several in values.items()}, values)
