"""The limits of connections in time, bytes and number, and the responses to clients that exceed them."""

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from collector.requests.http_types import CLOSE, CORS, JSON, RETRY_AFTER_SECONDS, Header, Response, error_response, unavailable
from collector.settings import Settings
from startup import port_guard


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of connections; each has the name of its setting."""

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
        """Read the limits from the settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})


class ErrorResponse(NamedTuple):
    """The response to a connection, or to a request that no source sees; counted by its reason."""

    reason: str
    response: Response


def _error(status: int, reason: str, message: str, *headers: Header) -> ErrorResponse:
    return ErrorResponse(reason, error_response(status, reason, message, *headers, *CORS, CLOSE))


CROWDED: Final = "there are too many connections"
MALFORMED: Final = _error(400, "malformed_request", port_guard.MALFORMED.message)
HEADER_TOO_SLOW: Final = _error(408, "header_too_slow", "the header did not arrive in time")
BODY_TOO_LARGE: Final = _error(413, "body_too_large", "the body is too large for this path")
URL_TOO_LONG: Final = _error(414, "url_too_long", "the URL is too long; a batch can hold more")
HEADER_TOO_LARGE: Final = _error(431, "header_too_large", "the header has too many lines, or lines that are too long")
TOO_MANY_CONNECTIONS_OF_CLIENT: Final = _error(
    429, "too_many_connections_of_client", "there are too many connections from this IP", (b"retry-after", b"%d" % RETRY_AFTER_SECONDS)
)


@cache
def for_denial(denial: port_guard.Denial) -> ErrorResponse:
    """Return the response to a request that a port guard denies; pages must not read it."""
    return ErrorResponse(denial.reason, Response(denial.status, (JSON, *denial.headers, CLOSE), denial.to_json()))


def too_many_connections() -> ErrorResponse:
    """Return the response to one connection too many; the time until the retry differs each time."""
    status, headers, body = unavailable(CROWDED)
    return ErrorResponse("too_many_connections", Response(status, (*headers, *CORS, CLOSE), body))
