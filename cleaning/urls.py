"""Cleaning of URLs: http(s) only, without fragment, user and e-mail addresses; the query is reduced to an allow-list."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, unquote_to_bytes, urlsplit

from cleaning.click_ids import KEPT, NAME_ONLY
from cleaning.emails import mask_parts
from cleaning.texts import UNWANTED

MAX_LENGTH = 2048

_plain = re.compile(r"(https?)://([a-z0-9.-]+)(/[^?#\s]*)?(?:\?([^#\s]*))?").fullmatch
_BETWEEN_SEGMENTS, _BETWEEN_PARTS = re.compile(r"([/\s]+)"), re.compile(r"([/?&=\s]+)")

# Session secrets that servers write into paths for browsers without cookies: of servlets (;jsessionid=…), ASP.NET (/(S(…))/), PHP,
# ColdFusion and similar. Name and value may be encoded; a value ends where the next part begins.
_NAME = r"(?:[\w.-]{0,32}sess[\w.-]{0,32}|[\w.-]{0,32}(?:sid|zenid|token)|cfid)"
_ENDING = r"(?:(?!%(?:25)*(?:3B|2F|3F|23))[^;/?#])*"
_SESSION = re.compile(
    rf"(?:;|%(?:25)*3B){_NAME}(?![\w.-])(?:(?:=|%(?:25)*3D){_ENDING})?"
    rf"|(?:[,&!]|%(?:25)*(?:2C|26)){_NAME}(?:=|%(?:25)*3D)[^;,&!/?#]*"
    rf"|/{_NAME}(?:=|%(?:25)*3D)[^/]*"
    r"|/(?:jsessionid|phpsessid|cfid|cftoken)/[^/]+"
    r"|/(?:[\w.-]{0,32}sid|session_?id|zenid)/(?=[^/]*[0-9])[A-Za-z0-9]{20,}(?=/|$)"  # not the name of a page
    r"|/(?:\(|%28)(?:(?:[ASFX](?:\(|%28)(?:(?!%29)[^()/])*(?:\)|%29))+|[a-z0-5]{24})(?:\)|%29)(?=/|$)"
    r"|(?<=/sap)\((?:[^()/]*)\)",
    re.IGNORECASE,
)
_is_plain = re.compile("[A-Za-z0-9/._~+-]*").fullmatch


class UrlRules:
    """The rules for URLs of a source: the allowed query parameters, and whether titles and parameters are masked."""

    def __init__(self, allowed: Iterable[str] = (), *, mask_titles: bool = True, mask_parameters: bool = True) -> None:
        self._allowed = frozenset(name.lower() for name in (*KEPT, *allowed))
        self.mask_titles, self.mask_parameters = mask_titles, mask_parameters

    def page(self, text: str) -> str | None:
        """Clean the URL of a page or link; return None if it is not an http(s) URL."""
        parts = _split(text)
        return None if parts is None else _rebuild(parts, self._kept(parts.query))

    def referrer(self, text: str) -> str | None:
        """Reduce the URL of a referring page to origin and path."""
        parts = _split(text)
        return None if parts is None else _rebuild(parts, "")

    def _kept(self, query: str) -> str:
        return "&".join(filter(None, map(self._kept_pair, query.split("&")))) if query else ""

    def _kept_pair(self, pair: str) -> str:
        name = pair.partition("=")[0]
        lower = name.lower()
        if lower.startswith("utm_") or lower in self._allowed:
            return f"{name}=" if lower in NAME_ONLY else pair
        return ""


def split_plain(text: str) -> SplitResult | None:
    """Split a URL like `urlsplit`, in a third of the time; return None for one with a port, a user, a fragment or anything rare."""
    found = _plain(text)
    if found is None:
        return None
    scheme, host, path, query = found.groups("")
    return SplitResult(scheme, host, path, query, "")


def _split(text: str) -> SplitResult | None:
    if len(text) <= MAX_LENGTH and (plain := split_plain(text)):
        return plain
    try:
        parts = urlsplit(text.strip()[: 4 * MAX_LENGTH])
        has_host = bool(parts.hostname) and parts.port != 0  # .port raises if it is not a number
    except ValueError:
        return None
    return parts if has_host and parts.scheme in ("http", "https") else None


def _rebuild(parts: SplitResult, query: str) -> str:
    host = parts.netloc if "%" not in parts.netloc else unquote(parts.netloc)
    path = parts.path or "/"
    if not _is_plain(path) or "id/" in (lower := path.lower()) or "token/" in lower:  # true for few paths
        path = mask_parts(_SESSION.sub("", path) or "/", _BETWEEN_SEGMENTS)
        path = path if path[0] == "/" else f"/{path}"
    if query:
        is_plain = query.isascii() and "%" not in query and "@" not in query and "\\" not in query
        query = f"?{query if is_plain else mask_parts(query, _BETWEEN_PARTS)}"
    return f"{parts.scheme}://{host.rpartition('@')[2].lower()}{path}{query}"[:MAX_LENGTH]


def decode_percent(text: str) -> str:
    """Decode percent escapes; return the text unchanged if the result is not clean UTF-8."""
    if "%" not in text:
        return text
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text
    return text if "\0" in decoded or UNWANTED.search(decoded) else decoded


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query, form-decoded, in order; a name without a value has an empty text."""
    pairs = (pair.partition("=") for pair in query.replace("+", " ").split("&") if pair)
    return [(decode_percent(name), decode_percent(value)) for name, _, value in pairs]
