"""How a server ends without losing a request: it takes no new connection, answers what still comes, and closes with the answer."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from collector.http.connections import State
from collector.http.protocol import Connection

LOOK_SECONDS = 0.05


class Server(uvicorn.Server):
    """A server that leaves the signals to us (there are two of it), and gives idle connections some seconds when it ends."""

    def __init__(self, config: uvicorn.Config, state: State, idle_seconds: float) -> None:
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
        """Take no new connection, wait for those that are there, then cut what is left."""
        self._state.is_draining = True
        for server in self.servers:
            server.close()
        for one in sockets or ():
            one.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if not await self._have_closed(self._idle_seconds):
            self._close(only_idle=True)
            if not await self._have_closed(max(0, (self.config.timeout_graceful_shutdown or 0) - self._idle_seconds)):
                self._close(only_idle=False)
        for server in self.servers:
            await server.wait_closed()
        self._watching.cancel()

    async def _have_closed(self, seconds: float) -> bool:
        """Wait for all connections to be closed; one that was accepted a moment ago is known a moment later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(LOOK_SECONDS)
                while self._state.connections or self._state.tasks:  # noqa: ASYNC110  (uvicorn keeps sets, and tells of no change)
                    await asyncio.sleep(LOOK_SECONDS)
                return True
        return False

    def _close(self, *, only_idle: bool) -> None:
        for connection in list(self._state.connections):
            if isinstance(connection, Connection) and (connection.is_idle or not only_idle):
                connection.transport.close()
        if not only_idle:
            for task in self._state.tasks:
                task.cancel()
