"""The collector's two ports: opened by the process that is started, used by it or by its workers."""

import contextlib
import socket
from dataclasses import dataclass

from collector.errors import StartError
from collector.settings import PREFIX, Settings

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Ports:
    """The listening sockets."""

    public: socket.socket
    internal: socket.socket

    def numbers(self) -> dict[str, int]:
        """Return the numbers of the ports, for the log."""
        return {"port": self.public.getsockname()[1], "internal_port": self.internal.getsockname()[1]}


def open_ports(settings: Settings, stack: contextlib.ExitStack) -> Ports:
    """Open both ports, which `stack` closes; raises StartError."""
    public = stack.enter_context(_listen(settings.host, settings.port, PREFIX + "PORT"))
    return Ports(public, stack.enter_context(_listen(settings.internal_host, settings.internal_port, PREFIX + "INTERNAL_PORT")))


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        family, kind, protocol, _, endpoint = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError([f"{PREFIX}HOST: {host!r} is not an address of this machine: {error.strerror}"]) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(endpoint)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            [f"{variable}: cannot listen on port {port} of {host}: {error.strerror}; is another collector running?"]
        ) from error
    return listener
