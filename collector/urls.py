"""What of an address on the web may be kept: http(s) only, no fragment, no user, a query reduced to an allow-list, no e-mail address."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from collector.texts import CONTROL

MAX_LENGTH = 2048

# Click ids that advertisers put into the address of a landing page. None of them names a person to anyone but the advertiser.
CLICK_IDS = (
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "yclid",
    "epik",
    "sccid",
    "rdt_cid",
    "igshid",
)

_plain = re.compile(r"(https?)://([a-z0-9.-]+)(/[^?#\s]*)?(?:\?([^#\s]*))?").fullmatch
_PART = re.compile(r"[^/?&=\s]+")  # each character is looked at once, whatever a visitor makes of them
MASK = "(email)"


class AddressRules:
    """Cleans addresses on the web by one list of query parameters that may stay."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(name.lower() for name in (*CLICK_IDS, *allowed))

    def page(self, text: str) -> str | None:
        """Clean the address of a page or of a link; None if it is no http(s) address."""
        parts = _split(text)
        return None if parts is None else _rebuild(parts, self._kept(parts.query))

    def referrer(self, text: str) -> str | None:
        """Reduce the address of a referring page to origin and path."""
        parts = _split(text)
        return None if parts is None else _rebuild(parts, "")

    def _kept(self, query: str) -> str:
        return "&".join(pair for pair in query.split("&") if self._is_allowed(pair.partition("=")[0].lower())) if query else ""

    def _is_allowed(self, name: str) -> bool:
        return name.startswith("utm_") or name in self._allowed


def split_plain(text: str) -> SplitResult | None:
    """Take an address apart as `urlsplit` does, in a third of the time; None for one with a port, a user, a fragment, or what is rare."""
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
        has_host = bool(parts.hostname) and parts.port != 0  # .port raises for what is no port
    except ValueError:
        return None
    return parts if has_host and parts.scheme in ("http", "https") else None


def _rebuild(parts: SplitResult, query: str) -> str:
    host = parts.netloc.rpartition("@")[2].lower()
    text = f"{parts.path or '/'}?{query}" if query else parts.path or "/"
    if "@" in text or "%40" in text:
        text = _PART.sub(_masked, text)
    return f"{parts.scheme}://{host}{text}"[:MAX_LENGTH]


def _masked(part: re.Match[str]) -> str:
    """Give a part of a path or query, or the mask where it holds name@host.domain."""
    text = part[0].replace("%40", "@")
    name, _, host = text.lstrip("@").partition("@")
    return MASK if name and "." in host.strip(".@") else part[0]


def decode_percent(text: str) -> str:
    """Resolve percent escapes; a text that would then be no clean UTF-8 stays as it is written."""
    if "%" not in text:
        return text
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text
    return text if "\0" in decoded or CONTROL.search(decoded) else decoded


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Give the names and values of a query, form-decoded, in order; a name alone has the empty text."""
    pairs = (pair.partition("=") for pair in query.replace("+", " ").split("&") if pair)
    return [(decode_percent(name), decode_percent(value)) for name, _, value in pairs]
