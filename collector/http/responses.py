"""Responses as bytes on the wire, encoded once and cached."""

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple

from collector.requests.http_types import CLOSE, Response

MAX_CACHED_RESPONSES: Final = 256


class EncodedResponse(NamedTuple):
    """The two encodings of a response; both end with its body."""

    response: Response  # keeps it alive, so that no other object takes its id
    keep_alive: bytes
    close: bytes
    closes: bool  # whether only the second may be sent


def encode(response: Response) -> EncodedResponse:
    """Encode a response. Most are sent again and again, so that they are cached by identity."""
    status, headers, body = response
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), bytes(_DATE)]
    lines += (name + b": " + value for name, value in headers if name != CLOSE[0])
    if status not in (204, 304):
        lines.append(b"content-length: %d" % len(body))
    keep_alive = b"\r\n".join((*lines, b"connection: keep-alive", b"", body))
    close = b"\r\n".join((*lines, b"connection: close", b"", body))
    encoded = EncodedResponse(response, keep_alive, close, CLOSE in headers)
    if not response.sets_cookie:
        if len(ENCODED) >= MAX_CACHED_RESPONSES:
            ENCODED.clear()
        ENCODED[id(response)] = encoded
    return encoded


def update_date(now: float) -> None:
    """Set the Date of all responses from now on (RFC 9110, section 6.6.1); cached responses with another one are dropped."""
    line = b"date: " + formatdate(now, usegmt=True).encode()
    if line != _DATE:
        _DATE[:] = line
        ENCODED.clear()


ENCODED: Final[dict[int, EncodedResponse]] = {}
_DATE: Final = bytearray()
update_date(time.time())
