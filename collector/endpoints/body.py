"""Reads the body of a request: bounded in size and time, whatever its Content-Length says."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Final, cast

from starlette.types import Message, Receive

from collector.event import Rejection, RejectReason

# A body over the limit is read on and thrown away for so long, so that its sender can read the answer; then the connection is closed.
DISCARDED_TIMES: Final = 8


class Aborted(Exception):
    """The sender went away in the middle of a body."""


class _Begun:
    """The rest of a coroutine that has taken its first step."""

    def __init__(self, coroutine: Coroutine[object, None, Message], waiting_for: object) -> None:
        self._coroutine, self._waiting_for = coroutine, waiting_for

    def __await__(self) -> Generator[object, None, Message]:
        try:
            yield self._waiting_for
            return (yield from self._coroutine.__await__())
        finally:
            self._coroutine.close()


async def read_body(receive: Receive, max_bytes: int, timeout_seconds: float) -> bytes | Rejection:
    """Read a body, or say why not; raises Aborted.

    Mostly the body is here already, and a timer would cost as much as all else done for an event: the first step is taken without.
    """
    first = cast("Coroutine[object, None, Message]", receive())  # what every server gives; a check would cost a tenth of an event
    begun: Awaitable[Message]
    try:
        begun = _Begun(first, first.send(None))
    except StopIteration as done:
        message: Message = done.value
        if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= max_bytes:
            body: bytes = message["body"]
            return body
        begun = _given(message)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read_parts(begun, receive, max_bytes)
    except TimeoutError:
        return Rejection(RejectReason.BODY_TOO_SLOW, f"the body must come within {timeout_seconds:g} seconds")


async def _given(message: Message) -> Message:
    return message


async def _read_parts(first: Awaitable[Message], receive: Receive, max_bytes: int) -> bytes | Rejection:
    too_large = Rejection(RejectReason.BODY_TOO_LARGE, f"a body has at most {max_bytes} bytes")
    parts, size = [], 0
    message = await first
    while True:
        if message["type"] != "http.request":
            raise Aborted
        part = message.get("body", b"")
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        elif size > DISCARDED_TIMES * max_bytes:
            return too_large
        if not message.get("more_body"):
            return too_large if size > max_bytes else b"".join(parts)
        message = await receive()
