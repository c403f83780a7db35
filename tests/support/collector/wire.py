"""Requests byte by byte: a connection on which anything can be said, and its answers one at a time."""

import http.client
import socket
from collections.abc import Iterable
from io import BufferedReader
from types import TracebackType
from typing import Self

from support.collector.collectors import Answer


def a_request(
    body: bytes = b"", *headers: bytes, method: bytes = b"POST", target: bytes = b"/h", version: bytes = b"1.1", length: int | None = None
) -> bytes:
    """A request with a Content-Length."""
    lines = [
        method + b" " + target + b" HTTP/" + version,
        b"Host: a",
        *headers,
        b"Content-Length: %d" % (len(body) if length is None else length),
    ]
    return b"\r\n".join((*lines, b"", body))


def a_chunked_request(*chunks: bytes, headers: Iterable[bytes] = (), end: bytes = b"0\r\n\r\n") -> bytes:
    """A request without a length."""
    head = b"\r\n".join((b"POST /h HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", *headers, b"", b""))
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


class Wire:
    """One connection."""

    def __init__(self, port: int, *, client: str = "127.0.0.1", within_seconds: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), within_seconds, (client, 0))
        self._reader: BufferedReader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    def send(self, *pieces: bytes) -> Self:
        """Send pieces, each in a packet of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def answer(self, *, to_head: bool = False) -> Answer:
        """Read the next answer."""
        line = self._reader.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        status = int(line[9:12])
        headers = {name.lower(): value for name, value in http.client.parse_headers(self._reader).items()}
        size = 0 if to_head else int(headers.get("content-length", 0))
        return Answer(status, headers, self._reader.read(size))

    def is_closed(self) -> bool:
        """Wait for the other side to close; return whether it sent nothing more."""
        try:
            return self._reader.read(1) == b""
        except ConnectionResetError:
            return True


def ask(port: int, *pieces: bytes) -> Answer:
    """Send one request on a connection of its own, read the answer."""
    with Wire(port) as wire:
        return wire.send(*pieces).answer()
