"""Requests, responses and outcomes, independent of the server that transports them."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

from collector.events.event import Rejection, RejectReason
from collector.requests.client_ip import ClientIp
from collector.requests.rates import Wait
from topics.topic import Message

Header: TypeAlias = tuple[bytes, bytes]

EXPOSED: Final[Header] = (b"access-control-expose-headers", b"Retry-After")  # which scripts cannot read by default
CORS: Final[tuple[Header, ...]] = ((b"access-control-allow-origin", b"*"), EXPOSED)  # any page may read; no data of its visitor
JSON: Final[Header] = (b"content-type", b"application/json")
CLOSE: Final[Header] = (b"connection", b"close")
RETRY_AFTER_SECONDS: Final = 5
MAX_JITTER_SECONDS: Final = 5
OK: Final = "ok"
ONE_OK: Final = (OK,)  # the results of a request with one accepted event

_STATUSES: Final = {  # of other reasons: 400
    RejectReason.BODY_TOO_LARGE: 413,
    RejectReason.TOO_MANY_EVENTS: 413,
    RejectReason.BODY_TOO_SLOW: 408,
    RejectReason.INVALID_CONTENT_ENCODING: 415,
    RejectReason.INVALID_CONTENT_TYPE: 415,
    RejectReason.SITE_NOT_ALLOWED: 403,  # as for a page of another origin: the tracker sends nothing more from this page
}


class Request(msgspec.Struct, gc=False):
    """A request with its whole body; header names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: Sequence[Header]
    peer: str | None
    body: bytes
    fields: Mapping[bytes, bytes]  # the headers by name
    client_ip: ClientIp | None = None  # set by the intake
    networks: Sequence[str] = ()  # for rate limits, the narrowest first; set by the intake

    @classmethod
    def of(cls, method: str, path: str, query: bytes, headers: Sequence[Header], peer: str | None, body: bytes) -> "Request":
        """Make a request from its headers."""
        return cls(method, path, query, headers, peer, body, header_fields(headers))


class Response(NamedTuple):
    """A response, to which the intake adds the CORS headers, and the connection Content-Length."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    @property
    def sets_cookie(self) -> bool:
        """Whether it sets a cookie: then it is for one browser and must not be cached."""
        return any(name == b"set-cookie" for name, _ in self.headers)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The decision about a request: the messages to store, and the response once they are durable."""

    response: Response
    messages: Sequence[Message]
    results: Sequence[str] = ()  # one for each event; empty if the whole request was rejected
    unknown_keys: int = 0
    error_reason: str = ""  # if the whole request was rejected
    copies: Sequence[Message] = ()  # for the topic of the source's copy


class EventSource(Protocol):
    """A source: turns requests into outcomes, and never raises because of the content of a request."""

    name: str

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Handle a request that was received at this time, in milliseconds since 1970."""

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a request as a whole, because its body is not available."""

    def forget(self, outcome: Outcome) -> None:
        """Forget the events of an outcome that could not be stored: when they are sent again, they must not count as duplicates."""


def error_response(status: int, reason: str, message: str, *headers: Header) -> Response:
    """Return an error, with the reason and message in JSON."""
    return Response(status, (JSON, *headers), msgspec.json.encode({"reason": reason, "message": message}))


def rejection_status(reason: RejectReason) -> int:
    """Return the status of the response to a request that is rejected as a whole."""
    return _STATUSES.get(reason, 400)


def closing(status: int) -> tuple[Header, ...]:
    """Return the header that closes a connection whose client may still be sending."""
    return (CLOSE,) if status in (408, 413) else ()


def results_response(results: Sequence[str], status: int = 200) -> Response:
    """Return the response with one result for each event."""
    return Response(status, (JSON,), msgspec.json.encode({"results": results}))


def unavailable(reason: str, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> Response:
    """Return a 503 that asks for a retry, with jitter."""
    body = msgspec.json.encode({"reason": "unavailable", "message": f"{reason}; send the same batch again later"})
    retry_after = str(retry_after_seconds + secrets.randbelow(MAX_JITTER_SECONDS)).encode()
    return Response(503, (JSON, (b"retry-after", retry_after)), body)


@lru_cache(256)
def rate_limited(wait: Wait) -> Response:
    """Return a 429 with the time until the network may send again."""
    unit = "requests" if wait.reason is RejectReason.TOO_MANY_REQUESTS else "bytes to store"
    message = f"too many {unit} from this network; send the same batch again in {wait.seconds} s"
    return error_response(429, wait.reason, message, (b"retry-after", str(wait.seconds).encode()))


def method_not_allowed(allowed: bytes, message: str) -> Outcome:
    """Reject a method; nothing is stored."""
    response = error_response(405, RejectReason.METHOD_NOT_ALLOWED, message, (b"allow", allowed))
    return Outcome(response, (), error_reason=RejectReason.METHOD_NOT_ALLOWED)


@cache
def preflight(methods: bytes) -> Outcome:
    """Allow the requests of pages (Fetch Standard, CORS-preflight)."""
    allowed = ((b"access-control-allow-methods", methods), (b"access-control-allow-headers", b"Content-Type"))
    return Outcome(Response(204, (*allowed, (b"access-control-max-age", b"86400")), b""), ())


def header_fields(headers: Sequence[Header]) -> Mapping[bytes, bytes]:
    """Return the headers by name: X-Forwarded-For lines joined to one list (RFC 9110, section 5.3), the last line of any other."""
    fields = dict(headers)
    if len(fields) != len(headers) and b"x-forwarded-for" in fields:
        fields[b"x-forwarded-for"] = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    return fields
