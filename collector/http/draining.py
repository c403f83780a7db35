"""A server that stops without losing a request: it accepts no connection, answers what still arrives, and closes with the response."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from collector.http.port_state import PortState
from collector.http.protocol import Connection

CHECK_INTERVAL_SECONDS = 0.05


class Server(uvicorn.Server):
    """A server of one of two ports. It leaves signals to its process, and gives idle connections some seconds when it stops."""

    def __init__(self, config: uvicorn.Config, state: PortState, idle_seconds: float) -> None:
        super().__init__(config)
        self._idle_seconds = idle_seconds
        self.server_state = self._state = state
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._watching = asyncio.create_task(self._state.watch())
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, wait for the open ones to close, then cut the rest."""
        self._state.is_draining = True
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if not await self._wait_for_close(self._idle_seconds):
            self._close(only_idle=True)
            if not await self._wait_for_close(max(0, (self.config.timeout_graceful_shutdown or 0) - self._idle_seconds)):
                self._close(only_idle=False)
        for server in self.servers:
            await server.wait_closed()
        self._watching.cancel()

    async def _wait_for_close(self, seconds: float) -> bool:
        """Wait until all connections are closed; False after a timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(CHECK_INTERVAL_SECONDS)  # a connection that was just accepted is registered a moment later
                while self._state.connections or self._state.tasks:  # noqa: ASYNC110  (uvicorn's sets do not report changes)
                    await asyncio.sleep(CHECK_INTERVAL_SECONDS)
                return True
        return False

    def _close(self, *, only_idle: bool) -> None:
        for connection in list(self._state.connections):
            if isinstance(connection, Connection) and (connection.is_idle or not only_idle):
                connection.transport.close()
        if not only_idle:
            for task in self._state.tasks:
                task.cancel()
