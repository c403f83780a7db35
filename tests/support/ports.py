"""Ports for the processes of a test."""

import random
import socket
from dataclasses import fields

from headrace.engines.ports import EnginePorts

BELOW_OUTGOING = range(10_000, 32_000)  # from 32768 on, the system gives ports to connections: one could be taken before it is listened on


def free_ports(count: int, *, in_a_row: int = 2) -> list[int]:
    """Find unused ports, each followed by other unused ones."""
    ports: list[int] = []
    taken: set[int] = set()
    while len(ports) < count:
        port = random.choice(BELOW_OUTGOING)
        row = set(range(port, port + in_a_row))
        if not row & taken and all(map(_is_free, row)):
            ports.append(port)
            taken |= row
    return ports


def free_engine_ports() -> EnginePorts:
    """Find ports for Kafka and Druid, so that several can run side by side."""
    return EnginePorts(*free_ports(len(fields(EnginePorts)), in_a_row=1))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
