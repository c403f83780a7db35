"""What goes over the wire, without a word of who carries it: a request, its answer, and what a source makes of the one for the other."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

from collector.events.event import Rejection, RejectReason
from collector.requests.client_ip import Seen
from collector.requests.rates import Wait
from topics.topic import Message

Header: TypeAlias = tuple[bytes, bytes]

# What scripts may read by default has no Retry-After.
EXPOSED: Final[Header] = (b"access-control-expose-headers", b"Retry-After")
CORS: Final[tuple[Header, ...]] = (
    (b"access-control-allow-origin", b"*"),
    EXPOSED,
)  # any page may read it, and nothing of its visitor is in it
JSON: Header = (b"content-type", b"application/json")
CLOSE: Header = (b"connection", b"close")


class Request(msgspec.Struct, gc=False):
    """One request, its body whole; header names are lower case."""

    method: str
    path: str
    query: bytes
    headers: Sequence[Header]
    peer: str | None
    body: bytes
    fields: Mapping[bytes, bytes]  # the headers by name
    seen: Seen | None = None  # whose it is, as soon as an intake has found that out
    networks: Sequence[str] = ()  # those that limits are for, the narrowest first

    @classmethod
    def of(cls, method: str, path: str, query: bytes, headers: Sequence[Header], peer: str | None, body: bytes) -> "Request":
        """Make a request whose headers nobody has looked at."""
        return cls(method, path, query, headers, peer, body, header_fields(headers))


class Answer(NamedTuple):
    """What is answered; the intake adds what lets pages read it (CORS), the wire Content-Length."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    @property
    def is_for_one(self) -> bool:
        """Whether it sets a cookie: it is one browser's, and no memory of answers keeps it."""
        return any(name == b"set-cookie" for name, _ in self.headers)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What becomes of a request: the messages to store, and what to answer once they are durable."""

    answer: Answer
    messages: Sequence[Message]
    results: Sequence[str] = ()  # one for each event; empty if the request was refused as a whole
    unknown_keys: int = 0
    refused: str = ""  # the reason, if the request was refused as a whole
    copies: Sequence[Message] = ()  # for the topic of the source's copy


class EventSource(Protocol):
    """Makes outcomes of requests; nothing that a request holds makes it raise."""

    name: str

    def take(self, request: Request, received_at: int) -> Outcome:
        """Take a request that came at this time, milliseconds since 1970."""

    def refuse(self, refusal: Rejection, received_at: int) -> Outcome:
        """Refuse a request whose body could not be had."""

    def forget(self, outcome: Outcome) -> None:
        """Take back what is remembered of an outcome that was not stored: its events will come again."""


def later(text: str, seconds: int) -> Answer:
    """Ask to send the same again, each caller at another moment."""
    body = msgspec.json.encode({"reason": "unavailable", "message": f"{text}; send the same batch again later"})
    wait = str(seconds + secrets.randbelow(5)).encode()
    return Answer(503, (JSON, (b"retry-after", wait)), body)


def method_not_allowed(allowed: bytes, message: str) -> Outcome:
    """Refuse a method; nothing is stored."""
    body = msgspec.json.encode({"reason": RejectReason.METHOD_NOT_ALLOWED, "message": message})
    return Outcome(Answer(405, (JSON, (b"allow", allowed)), body), (), refused=RejectReason.METHOD_NOT_ALLOWED)


def turned_away(status: int, reason: RejectReason, message: str, *headers: Header) -> Answer:
    """Refuse a request that no source sees; nothing of it is stored."""
    return Answer(status, (JSON, *headers), msgspec.json.encode({"reason": reason, "message": message}))


@lru_cache(256)
def too_much(wait: Wait) -> Answer:
    """Send away who sends too much, until there is room for one more."""
    what = "requests come" if wait.reason is RejectReason.TOO_MANY_REQUESTS else "bytes to store come"
    message = f"too many {what} from this network; send the same batch again in {wait.seconds} s"
    return turned_away(429, wait.reason, message, (b"retry-after", str(wait.seconds).encode()))


@cache
def preflight(methods: bytes) -> Outcome:
    """Allow what a page may send (Fetch Standard, CORS-preflight)."""
    allowed = ((b"access-control-allow-methods", methods), (b"access-control-allow-headers", b"Content-Type"))
    return Outcome(Answer(204, (*allowed, (b"access-control-max-age", b"86400")), b""), ())


def header_fields(headers: Sequence[Header]) -> Mapping[bytes, bytes]:
    """Give the headers by name; the lines of X-Forwarded-For are one list (RFC 9110, section 5.3), of others the last counts."""
    fields = dict(headers)
    if len(fields) != len(headers) and b"x-forwarded-for" in fields:
        fields[b"x-forwarded-for"] = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    return fields
