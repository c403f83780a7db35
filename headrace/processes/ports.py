"""The ports of an installation: the option that sets each, the host it listens on, and whether it is free."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from headrace.errors import CommandError

LOOPBACK: Final = "127.0.0.1"
ALL_INTERFACES: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class Port:
    """The option that sets a port, and whether the port listens on --host; all others listen on loopback."""

    option: str
    is_public: bool = False


PORTS: Final[Mapping[str, Port]] = {
    "collector": Port("--collector-port", is_public=True),
    "internal": Port("--collector-port (the internal port is the next one)"),
    "forwarder": Port("--collector-port (the forwarder's port is the second after it)"),
    "converter": Port("--collector-port (the converter's port is the third after it)"),
    "sql": Port("--sql-port"),
    "dashboards": Port("--dashboards-port", is_public=True),
    "shop": Port("--shop-port", is_public=True),
}


def port_named(name: str) -> Port:
    """Return a port by its name; a name that is not listed is that of an engine."""
    return PORTS.get(name) or Port(f"--engine-port {name}=NUMBER")


def listen_host(name: str, host: str) -> str:
    """Return the host that a port listens on, if public ports listen on `host`."""
    return host if port_named(name).is_public else LOOPBACK


def base_url(name: str, host: str, ports: Mapping[str, int]) -> str:
    """Return the URL at which this machine reaches a service, by the name of its port."""
    listening = listen_host(name, host)
    return f"http://{LOOPBACK if listening in ALL_INTERFACES else listening}:{ports[name]}"


def check_ports(ports: Mapping[str, int], host: str) -> None:
    """Raise CommandError with all ports that cannot be listened on, if public ports listen on `host`."""
    faults = list(_faults(ports, host))
    if faults:
        raise CommandError("\n".join(faults))


def _faults(ports: Mapping[str, int], host: str) -> Iterator[str]:
    uses = Counter(ports.values())
    for name, port in ports.items():
        option, listening = port_named(name).option, listen_host(name, host)
        if uses[port] > 1:
            yield f"port {port} is selected twice; choose another one with {option}"
        elif fault := _fault(listening, port):
            yield f"port {port} on {listening} ({name}) cannot be used: {fault}; choose another one with {option}"


def _fault(host: str, port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None
