"""What all connections to one port have in common: where requests go, how many connections there are, and the clock of their deadlines."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, cast

import structlog
from httptools import HttpRequestParser
from uvicorn.server import ServerState

from collector.app import Paths
from collector.http.limits import CROWDED, TOO_MANY_OF_CLIENT, Limits, Refusal, of_port, too_many_connections
from collector.http.responses import keep_date
from collector.metrics import Metrics
from collector.requests.client_ip import Network, is_in, parse_ip
from collector.requests.http_types import Header
from startup.port_guard import RequestHead

log = structlog.get_logger("collector")
LOOK_SECONDS: Final = 0.25
MAX_HELD_BYTES: Final = 64 << 20  # of bodies that are under way; when there are more, each gets less time
CROWDED_BODY_SECONDS: Final = 1.0
REFUSED_AT_ONCE: Final = 512  # connections that are told why they may not stay; more of them are cut


class WaitingProtocol(Protocol):
    """A connection as its port sees it."""

    transport: asyncio.Transport

    @property
    def held_bytes(self) -> int:
        """The bytes of a body of which something is still to come."""

    def go_on(self) -> None:
        """Give the next requests their turn."""

    def look(self, now: float) -> None:
        """End what has had its time."""


class State(ServerState):
    """The connections of one port; one look at all of them every quarter of a second stands for a timer each."""

    def __init__(self, paths: Paths, limits: Limits, metrics: Metrics, proxies: Sequence[Network]) -> None:
        super().__init__()
        self.limits, self.metrics = limits, metrics
        self.guard = paths.guard
        self.events = {path.encode(): (path, intake) for path, intake in paths.events.items()}
        self.is_draining = False
        self.now = 0.0
        self.body_seconds = limits.body_timeout_seconds
        self._admitted = 0
        self._waiting: list[WaitingProtocol] = []
        self._of_clients: Counter[str | None] = Counter()
        self._proxies = tuple(proxies)

    def not_ready_reason(self) -> str:
        """Why no connection may stay; empty when one may."""
        return CROWDED if self._admitted >= self.limits.max_connections else ""

    def admit(self, client: str | None) -> Refusal | None:
        """Admit one more connection, or refuse it. A listed proxy brings all clients behind it, and is not one of them."""
        own = self._of_clients.get(client, 0)
        if self.not_ready_reason():
            return too_many_connections()
        if own >= self.limits.max_connections_per_client and not self._is_proxy(client):
            return TOO_MANY_OF_CLIENT
        self._admitted += 1
        self._of_clients[client] = own + 1
        return None

    def refusal(self, parser: HttpRequestParser, target: bytes, headers: Sequence[Header]) -> Refusal | None:
        """Return why this port, if it is for its own callers only, does not take a request."""
        head = RequestHead(parser.get_method().decode(), target.decode("latin-1"), parser.get_http_version(), headers)
        refused = self.guard and self.guard.check(head)
        return of_port(refused) if refused else None

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many connections even of those that are being refused."""
        return len(self.connections) - self._admitted > REFUSED_AT_ONCE

    def dismiss(self, client: str | None) -> None:
        """Let a connection go that was admitted."""
        self._admitted -= 1
        self._of_clients[client] -= 1
        if not self._of_clients[client]:
            del self._of_clients[client]

    def queue(self, connection: WaitingProtocol) -> None:
        """Let a connection go on once all that have something to read are read: the same code at one time is in the processor's cache."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)
        self._waiting.append(connection)

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            try:
                connection.go_on()
            except Exception:
                log.exception("request failed")
                connection.transport.abort()

    async def watch(self) -> None:
        """End what has had its time, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.now = loop.time()
            keep_date(time.time())
            connections = cast("list[WaitingProtocol]", list(self.connections))
            is_too_much = sum(connection.held_bytes for connection in connections) > MAX_HELD_BYTES
            self.body_seconds = min(
                CROWDED_BODY_SECONDS if is_too_much else self.limits.body_timeout_seconds, self.limits.body_timeout_seconds
            )
            for connection in connections:
                connection.look(self.now)
            await asyncio.sleep(LOOK_SECONDS)

    def _is_proxy(self, client: str | None) -> bool:
        address = parse_ip(client or "")
        return address is not None and is_in(address, self._proxies)
