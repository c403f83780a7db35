"""Parsers of URLs: strict as java.net.URI, or lenient for URLs as browsers write them."""

import re
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from cleaning.texts import CONTROL
from cleaning.urls import decode_percent, query_pairs, split_plain

Pairs: TypeAlias = list[tuple[str, str]]


class UriParts(NamedTuple):
    """The parts of a URL; None for a part that it lacks."""

    scheme: str | None
    host: str | None
    port: int | None
    path: str | None
    query: str | None
    fragment: str | None


def lenient(text: str) -> UriParts | None:
    """Parse a URL (RFC 3986) with any characters."""
    if plain := split_plain(text):
        return UriParts(plain.scheme, plain.netloc, None, plain.path, plain.query or None, None)
    try:
        parts = urlsplit(text)
        port = parts.port  # raises for an invalid port
    except ValueError:
        return None
    return UriParts(parts.scheme or None, parts.hostname, port, parts.path, parts.query or None, parts.fragment or None)


# RFC 2396 with the deviations that java.net.URI documents: characters outside ASCII are valid, except for controls and blanks.
_OTHER: Final = "\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\U0010ffff"
_ESCAPED: Final = f"%[0-9A-Fa-f]{{2}}|[{_OTHER}]"
_UNRESERVED: Final = r"A-Za-z0-9\-_.!~*'()"
_is_uric: Final = re.compile(rf"(?:[{_UNRESERVED};/?:@&=+$,\[\]]|{_ESCAPED})*").fullmatch
_is_path: Final = re.compile(rf"(?:[{_UNRESERVED}:@&=+$,;/]|{_ESCAPED})*").fullmatch
_is_registry: Final = re.compile(rf"(?:[{_UNRESERVED}$,;:@&=+]|{_ESCAPED})+").fullmatch
_is_scheme: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*").fullmatch
_PARTS: Final = re.compile(r"(?:([^/?#:]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_SERVER: Final = re.compile(
    rf"(?:(?:[{_UNRESERVED};:&=+$,]|{_ESCAPED})*@)?"
    rf"(\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.]+)?\]|\d{{1,3}}(?:\.\d{{1,3}}){{3}}|(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?|{_LABEL}\.?)"
    r"(?::(\d{0,400}))?"
)


def strict(text: str) -> UriParts | None:
    """Parse a URL as java.net.URI does; None if that rejects it."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    scheme, authority, path, query, fragment = parts.groups()
    if (scheme is not None and not _is_scheme(scheme)) or not _is_uric(query or "") or not _is_uric(fragment or ""):
        return None
    if scheme is not None and authority is None and not path.startswith("/"):
        opaque = path if query is None else f"{path}?{query}"
        return UriParts(scheme, None, None, None, None, fragment) if opaque and _is_uric(opaque) else None
    server = _server(authority or "")
    if server is None or not _is_path(path) or (authority == "" and not path and query is None and fragment is None):
        return None
    return UriParts(scheme, *server, path, query, fragment)


def _server(authority: str) -> tuple[str | None, int | None] | None:
    """Return host and port, both None for a registry-based authority; None if it is not valid."""
    found = _SERVER.fullmatch(authority)
    if found is not None and int(found[2] or 0) < 2**31:
        return found[1], int(found[2]) if found[2] else None
    return (None, None) if not authority or _is_registry(authority) else None


def decoded(text: str | None) -> str | None:
    """Percent-decode a text as Java does, unless the result has characters that must not be kept."""
    if text is None or "%" not in text:
        return text
    result = unquote(text, errors="replace")
    return text if "\0" in result or CONTROL.search(result) else result


def decoded_leniently(text: str | None) -> str | None:
    """Percent-decode a text if the result is clean UTF-8."""
    return text and decode_percent(text)


def pairs(query: str | None) -> Pairs | None:
    """Return the names and values of a query, form-decoded; None without a query."""
    return None if query is None else query_pairs(query)


def value(found: Pairs, name: str) -> str | None:
    """Return the first value of a parameter."""
    return next((one for key, one in found if key == name), None)


def values(found: Pairs, name: str) -> list[str] | None:
    """Return all values of a parameter."""
    return [one for key, one in found if key == name] or None


def first_of(found: Pairs, *names: str) -> str | None:
    """Return the first pair with one of these names, in any case, that has a value; the name alone if none has a value."""
    wanted = {name.lower(): name for name in names}
    pairs = [(wanted[key.lower()], one) for key, one in found if key.lower() in wanted]
    return next((f"{name}:{one}" for name, one in pairs if one), pairs[0][0] if pairs else None)


def by_name(found: Pairs) -> dict[str, list[str]]:
    """Return all values by name."""
    named: dict[str, list[str]] = {}
    for key, one in found:
        named.setdefault(key, []).append(one)
    return named
