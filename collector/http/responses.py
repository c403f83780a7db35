"""Answers as they go over the wire."""

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple

from collector.requests.http_types import CLOSE, Response

MOST_REMEMBERED: Final = 256


class Written(NamedTuple):
    """An answer in both of its forms, each with its body at the end."""

    answer: Response  # kept, so that no other has its identity
    stays: bytes  # the connection stays open
    goes: bytes  # it is closed
    closes: bool  # it is closed in any case


def write(answer: Response) -> Written:
    """Write an answer; most are given again and again, and are remembered by their identity."""
    status, headers, body = answer
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), bytes(_DATE)]
    lines += (name + b": " + value for name, value in headers if name != CLOSE[0])
    if status not in (204, 304):
        lines.append(b"content-length: %d" % len(body))
    stays = b"\r\n".join((*lines, b"connection: keep-alive", b"", body))
    goes = b"\r\n".join((*lines, b"connection: close", b"", body))
    written = Written(answer, stays, goes, CLOSE in headers)
    if not answer.sets_cookie:
        if len(ENCODED) >= MOST_REMEMBERED:
            ENCODED.clear()
        ENCODED[id(answer)] = written
    return written


def keep_date(now: float) -> None:
    """Let answers from now on carry this second's Date (RFC 9110, section 6.6.1): those that are remembered are written anew."""
    line = b"date: " + formatdate(now, usegmt=True).encode()
    if line != _DATE:
        _DATE[:] = line
        ENCODED.clear()


ENCODED: Final[dict[int, Written]] = {}
_DATE: Final = bytearray()
keep_date(time.time())
