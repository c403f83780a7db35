"""The collector's two ports: taken by the process that is started, used by it or by its workers."""

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
        """Give the numbers of the ports."""
        return {"port": self.public.getsockname()[1], "internal_port": self.internal.getsockname()[1]}


def take_ports(settings: Settings, stack: contextlib.ExitStack) -> Ports:
    """Take both ports; raises StartError."""
    public = stack.enter_context(_listen(settings.host, settings.port, PREFIX + "PORT"))
    return Ports(public, stack.enter_context(_listen(settings.internal_host, settings.internal_port, PREFIX + "INTERNAL_PORT")))


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError([f"{PREFIX}HOST: {host!r} is no address of this machine: {error.strerror}"]) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError as error:
        taken.close()
        raise StartError(
            [f"{variable}: cannot listen on port {port} of {host}: {error.strerror}; is another collector running?"]
        ) from error
    return taken
