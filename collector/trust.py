"""Whose requests a source takes: pages of its origins, and not too many from one place."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from collector.addresses import AddressReader
from collector.event import RejectReason
from collector.exchange import CORS, JSON, Answer, Header, Request, header_fields
from collector.rates import Rates

ANY = "*"


class Trust:
    """Decides about the requests of one source before anything of them is read. What it refuses is counted and not stored."""

    def __init__(self, allowed_origins: Sequence[str], addresses: AddressReader, rates: Rates | None) -> None:
        self.is_for_all = ANY in allowed_origins
        self._origins = {origin.lower().encode() for origin in allowed_origins}
        self._addresses, self._rates = addresses, rates

    def refusal(self, request: Request, now: float) -> tuple[RejectReason, Answer] | None:
        """Say why a request is not taken; None if it is."""
        if not self.is_for_all and not self._is_allowed(request):
            message = "the source is for pages of other origins: see allowed_origins in its table"
            return _refused(403, RejectReason.ORIGIN_NOT_ALLOWED, message)
        if self._rates is not None and request.peer and (seconds := self._wait(self._rates, request, now)):
            message = f"too many requests from this network; again in {seconds} s"
            return _refused(429, RejectReason.TOO_MANY_REQUESTS, message, (b"retry-after", str(seconds).encode()))
        return None

    def readable(self, request: Request, answer: Answer) -> Answer:
        """Let the page that asked read its answer, and no other."""
        origin = dict(request.headers).get(b"origin")
        if self.is_for_all or origin not in self._origins:
            return answer
        others = tuple(header for header in answer.headers if header not in CORS)
        return answer._replace(headers=(*others, (b"access-control-allow-origin", origin), CORS[1], (b"vary", b"Origin")))

    def _is_allowed(self, request: Request) -> bool:
        """Tell whether a page may send. Servers name no origin, images a referrer."""
        fields = dict(request.headers)
        if (origin := fields.get(b"origin")) is not None:
            return origin in self._origins
        referrer = fields.get(b"referer")
        return not referrer or _origin_of(referrer) in self._origins

    def _wait(self, rates: Rates, request: Request, now: float) -> int:
        seen = self._addresses.read(request.peer or "", header_fields(request.headers).get(b"x-forwarded-for", b""))
        return rates.take(seen.prefix, now) if seen else 0


def _refused(status: int, reason: RejectReason, message: str, *headers: Header) -> tuple[RejectReason, Answer]:
    return reason, Answer(status, (JSON, *CORS, *headers), msgspec.json.encode({"reason": reason, "message": message}))


def _origin_of(address: bytes) -> bytes:
    try:
        parts = urlsplit(address.decode("latin-1").lower())
    except ValueError:
        return b""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".encode()
