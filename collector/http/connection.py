"""A connection that handles one request at a time, so that responses leave in the order of their requests.

The next requests wait in a queue. It holds event requests and ASGI requests alike, and the error that ends the connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, TypeAlias

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as UvicornConnection

from collector.http.limits import ErrorResponse
from collector.http.port_state import PortState
from collector.http.responses import ENCODED, encode
from collector.requests.http_types import Response
from collector.requests.intake import Respond

# A rejected client may still be sending. Its input is discarded within these limits, so that it can read the response.
MAX_DISCARDED_BYTES: Final = 1 << 20
MAX_DISCARD_SECONDS: Final = 2.0

QueuedRequest: TypeAlias = tuple[Callable[[Any, Respond], None], object, bool, bool]  # handler, its argument, keep-alive, HEAD


class Phase(IntEnum):
    """The phase of a connection's input."""

    IDLE = 0  # between requests; the only false value
    HEAD = 1  # a header is incomplete
    BODY = 2  # a header is complete, its body may be in the same chunk
    REST_OF_BODY = 3  # the body is in later chunks: its deadline runs
    DISCARDING = 4  # the last response is determined; further input is discarded
    ENDED = 5  # there is no further input


IDLE, HEAD, BODY, REST_OF_BODY, DISCARDING, ENDED = Phase  # a global is found faster than an attribute
INCOMPLETE: Final = (HEAD, BODY, REST_OF_BODY)


class QueueingConnection(UvicornConnection):
    """The queue of one connection, from complete requests to responses."""

    server_state: PortState

    def __init__(
        self, config: Config, server_state: PortState, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.peer: str | None = None
        self.phase = IDLE
        self._queue: deque[QueuedRequest] = deque()
        self._current: QueuedRequest | None = None
        self._since = server_state.now  # the time from which timeouts count
        self._discarded_bytes = 0
        self._respond_to_event: Respond = self._respond

    # The transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the type that uvicorn declares
        """Admit the connection, or send it an error."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else None
        if error := self.server_state.admit(self, self.peer):
            self._end_with(error)
            self.process_queue()
            if self.server_state.is_crowded:
                transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's always closes
        """Respond to the requests that are complete before the connection is closed."""
        self._end_input()
        return not self.is_idle

    def resume_writing(self) -> None:
        """Process the queue once the client has read the previous responses."""
        super().resume_writing()
        if self.flow.read_paused:
            self._since = self.server_state.now
        self.process_queue()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the queue, because nobody would receive the responses."""
        self._end_input()
        self._queue.clear()
        self.server_state.release(self)
        super().connection_lost(exc)

    # The queue

    @property
    def is_idle(self) -> bool:
        """Whether no request is being received, queued or handled."""
        return self._current is None and not self._queue and self.phase not in INCOMPLETE

    def process_queue(self) -> None:
        """Handle the next requests, until one has to wait for its response or the client does not read."""
        queue = self._queue
        while queue and self._current is None and not self.flow.write_paused:
            handle, argument, _, _ = self._current = queue.popleft()
            handle(argument, self._respond_to_event)
        if queue:
            self.flow.pause_reading()

    def _respond(self, response: Response) -> None:
        """Write the response to the current request."""
        _, _, keeps_alive, is_head = self._current  # type: ignore[misc]  # a handler responds only to the current request
        self._current = None
        if self.transport.is_closing():
            return
        encoded = ENCODED.get(id(response)) or encode(response)
        keeps_alive = keeps_alive and not encoded.closes and not self.server_state.is_draining
        content = encoded.keep_alive if keeps_alive else encoded.close
        self.transport.write(content[: len(content) - len(response.body)] if is_head else content)
        if keeps_alive:
            self._end_request()
        else:
            self._close()

    def _end_request(self) -> None:
        """Continue with the next request, if there is one."""
        if not self.phase:
            self._since = self.server_state.now
        elif self.phase is ENDED and not self._queue:
            self.transport.close()
        if self._queue:
            self.server_state.queue(self)
        elif self.flow.read_paused:
            self._since = self.server_state.now
            self.flow.resume_reading()

    # The end

    def shutdown(self) -> None:
        """Close after the current response or the next one: a request may already be on its way to an idle connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def _close(self) -> None:
        """Close, but give a client that is still sending some time to read the response."""
        self._queue.clear()
        self._since = self.server_state.now
        if self.phase is DISCARDING:
            self.flow.resume_reading()
            self.transport.write_eof()
        else:
            self.phase = ENDED
            self.transport.close()

    def _end_input(self) -> None:
        if self.phase in INCOMPLETE:
            self.server_state.metrics.aborted += 1
        self.phase, self._since = ENDED, self.server_state.now

    def _discard_input(self) -> None:
        """Discard all further input."""
        self.phase, self._since = DISCARDING, self.server_state.now

    def _discard(self, size: int) -> None:
        """Discard some input; close if the client does not stop sending."""
        self._discarded_bytes += size
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.flow.pause_reading()
            if self._current is None:
                self.transport.close()

    def _end_with(self, error: ErrorResponse) -> None:
        """Queue an error as the last response."""
        self._discard_input()
        self._queue.append((self._respond_with_error, error, False, False))

    def _respond_with_error(self, error: ErrorResponse, respond: Respond) -> None:
        metrics = self.server_state.metrics
        metrics.refused[error.reason] += 1
        metrics.responses[error.response.status] += 1
        respond(error.response)

    # Requests that uvicorn handles

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Queue a request when uvicorn would start it."""
        self._queue.append((self._run_asgi, (cycle, app), True, False))

    def _run_asgi(self, cycle_and_app: tuple[Any, Any], _: Respond) -> None:
        cycle, app = cycle_and_app
        if self.server_state.is_draining:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Continue when uvicorn has responded."""
        self.server_state.total_requests += 1
        self._current = None
        self._end_request()
