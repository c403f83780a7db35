"""Takes requests for events off the wire before the server makes ASGI of them, and holds all requests to their limits.

A connection has one request under way at a time; what else has come waits, so that answers have the order of their requests whoever
gives them. All but the paths of events is uvicorn's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as UvicornConnection

from collector.events.event import Rejection, RejectReason
from collector.http.connections import State
from collector.http.limits import BODY_TOO_LARGE, HEADER_TOO_LARGE, HEADER_TOO_SLOW, MALFORMED, URL_TOO_LONG, Refusal
from collector.http.responses import ENCODED, write
from collector.requests.http_types import Request, Response, header_fields
from collector.requests.intake import Intake, Respond
from startup.hosts import names_its_host

# A sender who is refused may still be sending: so much is thrown away for so long, that it can read why.
DISCARDED_BYTES: Final = 1 << 20
DISCARDED_SECONDS: Final = 2.0
MOST_BEFORE_UPGRADE: Final = 8  # of the same piece: each such request is read twice, one inside the other
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# What of a request is being read.
NONE, HEAD, BODY = 0, 1, 2

Turn: TypeAlias = tuple[Callable[[Any, Respond], None], object, bool, bool]  # what to do with what; keeps alive; asks for the head only


class _Refused(Exception):
    """Stops the parser: the rest of what came is not looked at."""


class Connection(UvicornConnection):
    """One connection."""

    server_state: State

    def __init__(
        self, config: Config, server_state: State, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits, self._events = server_state.limits, server_state.events
        self._respond: Respond = self._answer
        self._turns: deque[Turn] = deque()
        self._part = NONE
        self._number = self._received = self._discarded = self._chunk_bytes = 0
        self._since = server_state.now
        self._peer: str | None = None
        self._is_admitted = self._is_busy = self._is_deaf = self._has_ended = self._is_asked_for = False
        self._is_going_on = self._keeps_alive = self._is_head = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._by_name: Mapping[bytes, bytes] = {}
        self._path = ""
        self._query: bytes = b""
        self._intake: Intake | None = None
        self._body: bytes | bytearray = b""

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, or send away at once."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else None
        refusal = self.server_state.admit(self._peer)
        self._is_admitted = refusal is None
        if refusal is not None:
            self._refuse(refusal)
            self.go_on()
            if self.server_state.is_crowded:
                transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read what came, and begin with what is whole."""
        if self._is_deaf:
            self._discard(len(data))
            return
        number = self._number
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._refuse(MALFORMED)
        if self._part:
            self._look_at_rest(is_begun=number == self._number)
        if self._turns:
            self.server_state.queue(self)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's is never asked
        """Response what was asked all the same; then close."""
        self._has_ended = True
        return self._is_busy or bool(self._turns)

    def resume_writing(self) -> None:
        """Go on once the answers so far are on their way: whoever reads them has time for the next."""
        super().resume_writing()
        self._since = self.server_state.now if self.flow.read_paused else self._since
        self.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits; nobody would read its answer."""
        if self._part and not self._is_deaf:
            self.server_state.metrics.aborted += 1
        self._turns.clear()
        self._is_deaf = True
        if self._is_admitted:
            self.server_state.dismiss(self._peer)
        super().connection_lost(exc)

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begin with an empty request."""
        self.url, self.headers = b"", []
        self._part, self._body = HEAD, b""
        self._number += 1

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self.url += url
        if len(self.url) > self._limits.max_url_bytes:
            self._stop(URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Find whose the request is."""
        self._part = BODY
        headers = self._fields = self.headers
        self.headers = []  # lines that come behind the body are nobody's
        if len(headers) > self._limits.max_headers or self._has_large_header():
            self._stop(HEADER_TOO_LARGE)
        fields = self._by_name = header_fields(headers)
        if not names_its_host(headers, fields, self.parser.get_http_version):
            self._stop(MALFORMED)
        if self.server_state.guard and (refusal := self.server_state.refusal(self.parser, self.url, headers)):
            self._stop(refusal)
        if self.parser.should_upgrade():
            return
        path, _, self._query = self.url.partition(b"?")
        found = (self._events.get(path) if 35 not in self.url else None) or self._find()  # a fragment is no part of a query
        if found is None:
            self._intake = None
            self._begin_other()
        else:
            self._path, self._intake = found

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
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
            self._refuse_body(None)
            raise _Refused

    def on_message_complete(self) -> None:
        """Put the request in its turn."""
        self._part = NONE
        if self.parser.should_upgrade():
            return
        if (intake := self._intake) is None:
            super().on_message_complete()
            return
        request = self._request(bytes(self._body))
        self._turns.append((intake.receive, request, self.parser.should_keep_alive(), request.method == "HEAD"))

    # What goes on

    def look(self, now: float) -> None:
        """End what has had its time."""
        limits, waited = self._limits, now - self._since
        if self.transport.is_closing() or self._is_deaf:
            if waited > DISCARDED_SECONDS and not self._is_busy:
                self.transport.abort()
        elif self.flow.read_paused:
            if self._is_busy:
                self._since = now
            elif waited > limits.idle_timeout_seconds:  # it does not read its answers
                self.transport.abort()
        elif self._part == HEAD and waited > limits.header_timeout_seconds:
            self._refuse(HEADER_TOO_SLOW)
            self.go_on()
        elif self._part == BODY and waited > self.server_state.body_seconds:
            message = f"the body must come within {self.server_state.body_seconds:g} seconds"
            self._refuse_body(Rejection(RejectReason.BODY_TOO_SLOW, message))
            self.go_on()
        elif not self._part and not self._is_busy and waited > limits.idle_timeout_seconds:
            self.transport.close()

    @property
    def held_bytes(self) -> int:
        """The bytes of a body of which something is still to come."""
        return len(self._body) if self._part == BODY else 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request is here."""
        return not (self._is_busy or self._turns or self._part)

    def shutdown(self) -> None:
        """Close with the answer under way, or with the next one: a request may be on its way to an idle connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Go on when uvicorn has answered."""
        self.server_state.total_requests += 1
        self._is_busy = False
        self._end_turn()

    def go_on(self) -> None:
        """Give the next requests their turn."""
        turns, self._is_going_on = self._turns, True
        while turns and not self._is_busy and not self.flow.write_paused:
            take, what, self._keeps_alive, self._is_head = turns.popleft()
            self._is_busy = True
            take(what, self._respond)
        self._is_going_on = False
        if turns:
            self.flow.pause_reading()

    def _answer(self, answer: Response) -> None:
        """Write the answer to the request under way."""
        self._is_busy = False
        if self.transport.is_closing():
            return
        written = ENCODED.get(id(answer)) or write(answer)
        stays = self._keeps_alive and not written.closes and not self.server_state.is_draining
        content = written.stays if stays else written.goes
        self.transport.write(content[: len(content) - len(answer.body)] if self._is_head else content)
        if stays:
            self._end_turn()
        else:
            self._part = NONE
            self._close()

    def _end_turn(self) -> None:
        if not self._part:
            self._since = self.server_state.now
        if self._turns:
            if not self._is_going_on:
                self.go_on()
        elif self._has_ended:
            self.transport.close()
        elif self.flow.read_paused:
            self._since = self.server_state.now
            self.flow.resume_reading()

    def _close(self) -> None:
        """Close; a sender who has not been heard to the end gets a while to read why."""
        self._turns.clear()
        self._since = self.server_state.now
        if not self._is_deaf or self._has_ended:
            self.transport.close()
        else:
            self.flow.resume_reading()
            self.transport.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARDED_BYTES:
            self.flow.pause_reading()
            if not self._is_busy:
                self.transport.close()

    # What is refused

    def _refuse(self, refusal: Refusal) -> None:
        """Let this be the last that is answered."""
        self._is_deaf = True
        self._part = NONE
        self._turns.append((self._tell, refusal, False, False))

    def _stop(self, refusal: Refusal) -> None:
        self._refuse(refusal)
        raise _Refused

    def _tell(self, refusal: Refusal, respond: Respond) -> None:
        metrics = self.server_state.metrics
        metrics.refused[refusal.reason] += 1
        metrics.responses[refusal.answer.status] += 1
        respond(refusal.answer)

    def _refuse_body(self, rejection: Rejection | None) -> None:
        """Refuse a request for its body: its source stores that; what is no source's has had its answer, or gets it before the end."""
        self._is_deaf = True
        self._part, self._body = NONE, b""
        if self._intake is not None:
            refuse = partial(self._intake.receive, rejection=rejection or self._intake.body_too_large())
            self._turns.append((refuse, self._request(b""), False, False))
        elif self._is_busy:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _request(self, body: bytes) -> Request:
        return Request(self.parser.get_method().decode(), self._path, self._query, self._fields, self._peer, body, self._by_name)

    # What is rare

    def _has_large_header(self) -> bool:
        """Tell whether the header is too large: it is not if all of it came in a small piece."""
        limit = self._limits.max_header_bytes
        is_small = self._received + self._chunk_bytes <= limit
        return not is_small and sum(len(name) + len(value) + 4 for name, value in self._fields) > limit

    def _look_at_rest(self, *, is_begun: bool) -> None:
        """Bound a request of which something is to come, and ask for it if its sender waits for that."""
        if is_begun:
            self._received += self._chunk_bytes
        else:
            self._received, self._since, self._is_asked_for = 0, self.server_state.now, False
        limits = self._limits
        head_bytes = limits.max_url_bytes + limits.max_header_bytes
        if self._part == HEAD:
            if self._received > head_bytes:
                self._refuse(HEADER_TOO_LARGE)
            return
        self.headers.clear()  # what comes behind the body in chunks
        if not self._is_asked_for:
            self._is_asked_for, self._since = True, self.server_state.now
            self._ask_for_body()
        elif self._received > head_bytes + 8 * limits.max_body_bytes:  # chunks may be small, and have lines of their own
            self._refuse_body(None)

    def _ask_for_body(self) -> None:
        if self._intake is None:  # uvicorn asks
            return
        if int(self._by_name.get(b"content-length", b"0")) > self._intake.max_body_bytes:
            self._refuse_body(None)
        elif self._by_name.get(b"expect", b"").lower() == b"100-continue" and not (self._is_busy or self._turns):
            self.transport.write(CONTINUE)

    def _find(self) -> tuple[str, Intake] | None:
        """Find whose a request is that does not write its path as others do."""
        url = httptools.parse_url(self.url)
        self._query = url.query or b""
        return self._events.get(unquote(url.path.decode("ascii"), "latin-1").encode("latin-1"))

    def _begin_other(self) -> None:
        """Leave a request to uvicorn."""
        url, headers = self.url, self._fields
        if int(self._by_name.get(b"content-length", b"0")) > self._limits.max_body_bytes:
            self._stop(BODY_TOO_LARGE)
        super().on_message_begin()
        self.cycle = None  # type: ignore[assignment]  # whether its turn has come is not uvicorn's to say
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._turns.append((self._run, (cycle, app), True, False))

    def _run(self, what: tuple[Any, Any], _: Respond) -> None:
        cycle, app = what
        if self.server_state.is_draining:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Read a request once more as if it had not asked for another protocol, as is any server's right (RFC 9110, section 7.8).

        Java's client asks for HTTP/2 with its first request, which may have a body; the parser would take that for the other protocol.
        """
        method = self.parser.get_method()
        if method == b"CONNECT" or len(self._turns) >= MOST_BEFORE_UPGRADE:
            self._refuse(MALFORMED)
            self.go_on()
            return
        lines = [name + b": " + value for name, value in self._fields if name not in (b"upgrade", b"http2-settings")]
        head = b"\r\n".join((method + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode(), *lines, b"\r\n"))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)
