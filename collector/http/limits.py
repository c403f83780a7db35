"""How much time, how many bytes and places a connection may take, and what it is told when it takes more."""

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import msgspec

from collector.requests.http_types import CLOSE, CORS, JSON, Header, Response, unavailable
from collector.settings import Settings
from startup import port_guard


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of connections; the settings of these names."""

    max_url_bytes: int
    max_header_bytes: int
    max_headers: int
    max_body_bytes: int
    header_timeout_seconds: float
    body_timeout_seconds: float
    idle_timeout_seconds: float
    max_connections: int
    max_connections_per_client: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Read the bounds from the settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})


class Refusal(NamedTuple):
    """A request, or a connection, that is refused before any source has seen it; counted by its reason."""

    reason: str
    answer: Response


def _refusal(status: int, reason: str, message: str, *headers: Header) -> Refusal:
    body = msgspec.json.encode({"reason": reason, "message": message})
    return Refusal(reason, Response(status, (JSON, *headers, *CORS, CLOSE), body))


RETRY_AFTER: Final = (b"retry-after", b"5")
CROWDED: Final = "there are too many connections"
MALFORMED: Final = _refusal(400, "malformed_request", port_guard.MALFORMED.message)
HEADER_TOO_SLOW: Final = _refusal(408, "header_too_slow", "the header of a request must come within some seconds")
BODY_TOO_LARGE: Final = _refusal(413, "body_too_large", "no request to this path has such a body")
URL_TOO_LONG: Final = _refusal(414, "url_too_long", "the address is too long; a batch has room for more")
HEADER_TOO_LARGE: Final = _refusal(431, "header_too_large", "the header has too many lines, or too long ones")
TOO_MANY_OF_CLIENT: Final = _refusal(429, "too_many_connections_of_client", "there are too many connections of this address", RETRY_AFTER)


@cache
def of_port(denial: port_guard.Denial) -> Refusal:
    """Return the response of a connection to a denied request; pages may not read it."""
    return Refusal(denial.reason, Response(denial.status, (JSON, *denial.headers, CLOSE), denial.to_json()))


def too_many_connections() -> Refusal:
    """Send a connection away for a while."""
    status, headers, body = unavailable(CROWDED, 5)
    return Refusal("too_many_connections", Response(status, (*headers, *CORS, CLOSE), body))
