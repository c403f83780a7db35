"""Ports that are about to be listened on."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from headrace.errors import CommandError


def check_ports(ports: Mapping[str, int], host: Callable[[str], str], option: Callable[[str], str]) -> None:
    """See that each, by the name of its service, can be listened on; raises CommandError with all that cannot."""
    faults = list(_faults(ports, host, option))
    if faults:
        raise CommandError("\n".join(faults))


def _faults(ports: Mapping[str, int], host: Callable[[str], str], option: Callable[[str], str]) -> Iterator[str]:
    times = Counter(ports.values())
    for name, port in ports.items():
        if times[port] > 1:
            yield f"port {port} is asked for twice; choose another with {option(name)}"
        elif fault := _fault(host(name), port):
            yield f"port {port} on {host(name)} ({name}) cannot be used: {fault}; choose another with {option(name)}"


def _fault(host: str, port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None
