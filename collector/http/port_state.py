"""The state that the connections to one port share: the intakes by path, the number of connections, and the clock of their deadlines."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, cast

import structlog
from httptools import HttpRequestParser
from uvicorn.server import ServerState

from collector.app import Paths
from collector.http.limits import CROWDED, TOO_MANY_CONNECTIONS_OF_CLIENT, ErrorResponse, Limits, for_denial, too_many_connections
from collector.http.responses import update_date
from collector.metrics import Metrics
from collector.requests.client_ip import Network, is_in, parse_ip
from collector.requests.http_types import Header
from startup.port_guard import RequestHead

log = structlog.get_logger("collector")
TIMEOUT_CHECK_INTERVAL_SECONDS: Final = 0.25
MAX_HELD_BYTES: Final = 64 << 20  # of incomplete bodies; beyond it, bodies get less time
CROWDED_BODY_SECONDS: Final = 1.0
MAX_REFUSED_CONNECTIONS: Final = 512  # that get a response at a time; more are cut without one


class Queueing(Protocol):
    """A connection with a queue of requests."""

    transport: asyncio.Transport

    def process_queue(self) -> None:
        """Handle the next requests."""


class Timed(Protocol):
    """A connection with deadlines."""

    @property
    def held_bytes(self) -> int:
        """The number of bytes of an incomplete body."""

    def check_timeouts(self, now: float) -> None:
        """Reject or close what has exceeded its time."""


class PortState(ServerState):
    """The connections of one port. Deadlines are swept every 250 ms instead of one timer per connection."""

    def __init__(self, paths: Paths, limits: Limits, metrics: Metrics, proxies: Sequence[Network]) -> None:
        super().__init__()
        self.limits, self.metrics = limits, metrics
        self.guard = paths.guard
        self.events = {path.encode(): (path, intake) for path, intake in paths.events.items()}
        self.is_draining = False
        self.now = 0.0
        self.body_seconds = limits.body_timeout_seconds
        self._admitted: dict[object, str | None] = {}  # connections with their peers
        self._admitted_of_peer: Counter[str | None] = Counter()
        self._queued: list[Queueing] = []
        self._proxies = tuple(proxies)

    def not_ready_reason(self) -> str:
        """Return the reason why no more connections are admitted; empty if they are."""
        return CROWDED if len(self._admitted) >= self.limits.max_connections else ""

    def admit(self, connection: object, peer: str | None) -> ErrorResponse | None:
        """Admit a connection, or return the error for it. A trusted proxy carries many clients and has no limit of its own."""
        if self.not_ready_reason():
            return too_many_connections()
        if self._admitted_of_peer[peer] >= self.limits.max_connections_per_client and not self._is_proxy(peer):
            return TOO_MANY_CONNECTIONS_OF_CLIENT
        self._admitted[connection] = peer
        self._admitted_of_peer[peer] += 1
        return None

    def release(self, connection: object) -> None:
        """Release a lost connection, if it had been admitted."""
        if connection not in self._admitted:
            return
        peer = self._admitted.pop(connection)
        self._admitted_of_peer[peer] -= 1
        if not self._admitted_of_peer[peer]:
            del self._admitted_of_peer[peer]

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many connections even to send an error to each."""
        return len(self.connections) - len(self._admitted) > MAX_REFUSED_CONNECTIONS

    def check(self, parser: HttpRequestParser, target: bytes, headers: Sequence[Header]) -> ErrorResponse | None:
        """Return the error for a request that the guard of this port denies."""
        head = RequestHead(parser.get_method().decode(), target.decode("latin-1"), parser.get_http_version(), headers)
        denial = self.guard and self.guard.check(head)
        return for_denial(denial) if denial else None

    def queue(self, connection: Queueing) -> None:
        """Process the queue of a connection after all readable sockets were drained: the same code in a row stays in the CPU's caches."""
        if not self._queued:
            asyncio.get_running_loop().call_soon(self._process_queues)
        self._queued.append(connection)

    def _process_queues(self) -> None:
        queued, self._queued = self._queued, []
        for connection in queued:
            try:
                connection.process_queue()
            except Exception:
                log.exception("request failed")
                connection.transport.abort()

    async def watch(self) -> None:
        """Check the timeouts of all connections, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.now = loop.time()
            update_date(time.time())
            connections = cast("list[Timed]", list(self.connections))
            is_overfull = sum(connection.held_bytes for connection in connections) > MAX_HELD_BYTES
            body_seconds = self.limits.body_timeout_seconds
            self.body_seconds = min(CROWDED_BODY_SECONDS, body_seconds) if is_overfull else body_seconds
            for connection in connections:
                connection.check_timeouts(self.now)
            await asyncio.sleep(TIMEOUT_CHECK_INTERVAL_SECONDS)

    def _is_proxy(self, peer: str | None) -> bool:
        ip = parse_ip(peer or "")
        return ip is not None and is_in(ip, self._proxies)
