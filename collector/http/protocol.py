"""Handles event requests on the wire, before uvicorn turns them into ASGI, and holds all requests to their limits.

uvicorn handles all paths that have no intake.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn import Config

from collector.events.event import Rejection, RejectReason
from collector.http.connection import BODY, DISCARDING, HEAD, IDLE, MAX_DISCARD_SECONDS, REST_OF_BODY, QueueingConnection
from collector.http.limits import BODY_TOO_LARGE, HEADER_TOO_LARGE, HEADER_TOO_SLOW, MALFORMED, URL_TOO_LONG, ErrorResponse
from collector.http.port_state import PortState
from collector.requests.http_types import Request, header_fields
from collector.requests.intake import Intake
from startup.hosts import names_its_host

MAX_QUEUED_BEFORE_UPGRADE: Final = 8  # each request that asks for an upgrade is parsed recursively
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
HASH: Final = ord("#")


class _StopParsing(Exception):
    """Stops the parser; the rest of the input is not parsed."""


class Connection(QueueingConnection):
    """The input of one connection: from bytes to complete requests."""

    def __init__(
        self, config: Config, server_state: PortState, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits, self._events = server_state.limits, server_state.events
        self._request_number = self._chunk_bytes = 0
        self._received_bytes = 0  # in the chunks after the one in which the current request began
        self._fields: list[tuple[bytes, bytes]] = []
        self._by_name: Mapping[bytes, bytes] = {}
        self._path = ""
        self._query: bytes = b""
        self._intake: Intake | None = None
        self._body: bytes | bytearray = b""

    def data_received(self, data: bytes) -> None:
        """Parse the input, and queue the connection if that has completed a request."""
        if self.phase is DISCARDING:
            self._discard(len(data))
            return
        number = self._request_number
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if self.phase is not DISCARDING:
                self._end_with(MALFORMED)
        if self.phase:
            self._check_incomplete(is_continued=number == self._request_number)
        if self._queue:
            self.server_state.queue(self)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Begin with an empty request."""
        self.url, self.headers = b"", []
        self.phase, self._body = HEAD, b""
        self._request_number += 1

    def on_url(self, url: bytes) -> None:
        """Add a part of the URL."""
        self.url += url
        if len(self.url) > self._limits.max_url_bytes:
            self._stop_with(URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header line."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the header, and find the handler of the request."""
        self.phase = BODY
        headers = self._fields = self.headers
        self.headers = []  # trailers are not part of the header
        if len(headers) > self._limits.max_headers or self._has_large_header():
            self._stop_with(HEADER_TOO_LARGE)
        fields = self._by_name = header_fields(headers)
        if not names_its_host(headers, fields, self.parser.get_http_version):
            self._stop_with(MALFORMED)
        if self.server_state.guard and (error := self.server_state.check(self.parser, self.url, headers)):
            self._stop_with(error)
        if self.parser.should_upgrade():
            return
        path, _, self._query = self.url.partition(b"?")
        found = (self._events.get(path) if HASH not in self.url else None) or self._find_unusual()  # a fragment is not part of the query
        if found is None:
            self._intake = None
            self._begin_asgi()
        else:
            self._path, self._intake = found

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""
        if self._intake is None:
            if self.cycle is not None:
                super().on_body(body)
            return
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body + body)
        if len(self._body) > self._intake.max_body_bytes:
            self._reject_body(None)
            raise _StopParsing

    def on_message_complete(self) -> None:
        """Queue the request."""
        self.phase = IDLE
        if self.parser.should_upgrade():
            return
        if (intake := self._intake) is None:
            super().on_message_complete()
            return
        request = self._request(bytes(self._body))
        self._queue.append((intake.receive, request, self.parser.should_keep_alive(), request.method == "HEAD"))

    # Limits

    def check_timeouts(self, now: float) -> None:
        """Reject or close what has exceeded its time."""
        limits, waited, phase = self._limits, now - self._since, self.phase
        if self.transport.is_closing() or phase is DISCARDING:
            if waited > MAX_DISCARD_SECONDS and self._current is None:
                self.transport.abort()
        elif self.flow.read_paused:
            if self._current is not None:
                self._since = now
            elif waited > limits.idle_timeout_seconds:  # the client does not read its responses
                self.transport.abort()
        elif phase is HEAD and waited > limits.header_timeout_seconds:
            self._end_with(HEADER_TOO_SLOW)
            self.process_queue()
        elif phase is REST_OF_BODY and waited > self.server_state.body_seconds:
            message = f"the body must arrive within {self.server_state.body_seconds:g} seconds"
            self._reject_body(Rejection(RejectReason.BODY_TOO_SLOW, message))
            self.process_queue()
        elif not phase and self._current is None and waited > limits.idle_timeout_seconds:
            self.transport.close()

    @property
    def held_bytes(self) -> int:
        """The number of bytes of an incomplete body."""
        return len(self._body) if self.phase is REST_OF_BODY else 0

    def _check_incomplete(self, *, is_continued: bool) -> None:
        """Check the size of an incomplete request, and send 100 Continue if the client waits for it."""
        if is_continued:
            self._received_bytes += self._chunk_bytes
        else:
            self._received_bytes, self._since = 0, self.server_state.now
        limits = self._limits
        max_head_bytes = limits.max_url_bytes + limits.max_header_bytes
        if self.phase is HEAD and self._received_bytes > max_head_bytes:
            self._end_with(HEADER_TOO_LARGE)
        elif self.phase is BODY:
            self.phase, self._since = REST_OF_BODY, self.server_state.now
            self.headers.clear()  # trailers
            self._ask_for_body()
        elif self.phase is REST_OF_BODY:
            self.headers.clear()
            if self._received_bytes > max_head_bytes + 8 * limits.max_body_bytes:  # small chunks have more framing than content
                self._reject_body(None)

    def _ask_for_body(self) -> None:
        if self._intake is None:  # uvicorn sends 100 Continue
            return
        if int(self._by_name.get(b"content-length", b"0")) > self._intake.max_body_bytes:
            self._reject_body(None)
        elif self._by_name.get(b"expect", b"").lower() == b"100-continue" and self._current is None and not self._queue:
            self.transport.write(CONTINUE)

    def _has_large_header(self) -> bool:
        """Whether the header is too large; it cannot be if all its input is smaller than the limit."""
        limit = self._limits.max_header_bytes
        is_small = self._received_bytes + self._chunk_bytes <= limit
        return not is_small and sum(len(name) + len(value) + 4 for name, value in self._fields) > limit

    def _reject_body(self, rejection: Rejection | None) -> None:
        """Reject a request for its body, as too large by default.

        The source of an event request stores the rejection. The response to another request is uvicorn's, if there is one already.
        """
        self._discard_input()
        self._body = b""
        if self._intake is not None:
            reject = partial(self._intake.receive, rejection=rejection or self._intake.body_too_large())
            self._queue.append((reject, self._request(b""), False, False))
        elif self._current is not None:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _stop_with(self, error: ErrorResponse) -> None:
        self._end_with(error)
        raise _StopParsing

    # Handlers

    def _request(self, body: bytes) -> Request:
        return Request(self.parser.get_method().decode(), self._path, self._query, self._fields, self.peer, body, self._by_name)

    def _find_unusual(self) -> tuple[str, Intake] | None:
        """Find the intake for a URL with an escaped path, a fragment or a host."""
        url = httptools.parse_url(self.url)
        self._query = url.query or b""
        return self._events.get(unquote(url.path.decode("ascii"), "latin-1").encode("latin-1"))

    def _begin_asgi(self) -> None:
        """Replay the header of a request to uvicorn."""
        url, headers = self.url, self._fields
        if int(self._by_name.get(b"content-length", b"0")) > self._limits.max_body_bytes:
            self._stop_with(BODY_TOO_LARGE)
        super().on_message_begin()
        self.cycle = None  # type: ignore[assignment]  # else uvicorn would queue the request by itself
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Parse a request again without its Upgrade header, which a server may ignore (RFC 9110, section 7.8).

        Java's client asks for HTTP/2 with its first request. The parser would take the body of that request for the other protocol.
        """
        method = self.parser.get_method()
        if method == b"CONNECT" or len(self._queue) >= MAX_QUEUED_BEFORE_UPGRADE:
            self._end_with(MALFORMED)
            self.process_queue()
            return
        lines = [name + b": " + value for name, value in self._fields if name not in (b"upgrade", b"http2-settings")]
        head = b"\r\n".join((method + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode(), *lines, b"\r\n"))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)
