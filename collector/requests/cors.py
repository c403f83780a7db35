"""The origins whose pages may send to a source, and the headers that let them read its responses (Fetch Standard, CORS)."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from collector.requests.http_types import CORS, EXPOSED, Header, Response

ANY: Final = "*"
MAX_CACHED_RESPONSES: Final = 512
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class CorsHeaders:
    """The CORS headers for pages of one origin.

    Most responses are sent again and again. Each is combined with the headers once and then stays the same object.
    """

    __slots__ = ("_cache", "_headers")

    def __init__(self, *headers: Header) -> None:
        self._headers = headers
        self._cache: dict[int, tuple[Response, Response]] = {}  # keeps the plain response, so that no other object takes its id

    def add_to(self, plain: Response) -> Response:
        """Return a response that these pages can read."""
        known = self._cache.get(id(plain))
        if known is not None:
            return known[1]
        response = Response(plain.status, (*plain.headers, *self._headers), plain.body)
        if plain.sets_cookie:
            return response
        if len(self._cache) >= MAX_CACHED_RESPONSES:
            self._cache.clear()
        self._cache[id(plain)] = plain, response
        return response


class AllowedOrigins:
    """The origins that may send to one source."""

    def __init__(self, allowed: Sequence[str] = (ANY,), *, with_cookies: bool = False) -> None:
        self.public = CorsHeaders(*CORS)  # also for other origins: a page can read its rejection and stops
        self._without_origin = CorsHeaders((b"vary", b"Origin"))
        self._listed = {} if ANY in allowed else {_normalize(origin): _headers(_normalize(origin), with_cookies) for origin in allowed}

    def cors_headers(self, fields: Mapping[bytes, bytes]) -> CorsHeaders | None:
        """Return the CORS headers for a request; None if pages of its origin may not send.

        Servers and old images send no Origin; images send a Referer.
        """
        if not self._listed:
            return self.public
        origin = fields.get(b"origin")
        if origin is not None:
            return self._listed.get(origin)
        referrer = fields.get(b"referer")
        return self._without_origin if not referrer or _origin_of(referrer) in self._listed else None


def _headers(origin: bytes, with_cookies: bool) -> CorsHeaders:
    credentials = ((b"access-control-allow-credentials", b"true"),) if with_cookies else ()
    return CorsHeaders((b"access-control-allow-origin", origin), *credentials, EXPOSED, (b"vary", b"Origin"))


def _normalize(origin: str) -> bytes:
    """Write an origin as browsers do."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}".encode()


def _origin_of(url: bytes) -> bytes:
    """Return the origin of a URL; empty, which is never listed, if it has none."""
    try:
        parts = urlsplit(url.decode("latin-1"))
        return _normalize(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    except (ValueError, KeyError):
        return b""
