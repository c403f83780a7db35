"""A transport in memory, for connections without a socket."""

import asyncio
from typing import Any


class MemoryTransport(asyncio.Transport):
    """A transport whose other end is a list."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.77", 5000)})
        self.written: list[bytes] = []
        self.is_cut = False

    def is_closing(self) -> bool:
        return self.is_cut

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        pass

    def abort(self) -> None:
        self.is_cut = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def an_application(scope: Any, receive: Any, send: Any) -> None:
    """Fail: never called."""
