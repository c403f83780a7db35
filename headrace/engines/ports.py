"""The ports of Kafka, ZooKeeper and Druid's processes on this machine, and their readiness."""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Self

import httpx

from headrace.errors import CommandError
from headrace.processes.ports import LOOPBACK, check_ports
from headrace.processes.supervisor import responds
from topics.kafka import probe

READY_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "coordinator": ("/druid/coordinator/v1/isLeader", "/druid/indexer/v1/isLeader"),
    "historical": ("/status/selfDiscovered", "/druid/historical/v1/readiness"),
    "broker": ("/status/selfDiscovered", "/druid/broker/v1/readiness"),
    "indexer": ("/status/selfDiscovered",),
}


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """The port of each engine; the defaults are the engines' own."""

    zookeeper: int = 2181
    kafka: int = 9092
    controller: int = 9093  # between Kafka's own processes
    derby: int = 1527  # Druid's metadata, which the coordinator serves
    coordinator: int = 8081
    historical: int = 8083
    broker: int = 8082
    indexer: int = 8091

    @classmethod
    def among(cls, ports: Mapping[str, int]) -> Self:
        """Return the engines' ports from those of an installation, whose SQL port is the broker's."""
        return cls(**{name: ports[name] for name in cls().without_broker()}, broker=ports["sql"])

    def without_broker(self) -> dict[str, int]:
        """Return the ports of an installation besides its SQL port."""
        return {name: port for name, port in asdict(self).items() if name != "broker"}

    def with_choices(self, choices: Iterable[str]) -> Self:
        """Return the ports with changes of the form NAME=NUMBER; raises CommandError for any other form."""
        changed = asdict(self)
        for choice in choices:
            name, _, number = choice.partition("=")
            if name not in changed or not number.isdecimal() or not 0 < int(number) < 65536:
                raise CommandError(f"--engine-port {choice}: expected NAME=NUMBER, where NAME is one of {', '.join(changed)}")
            changed[name] = int(number)
        return replace(self, **changed)

    def check(self) -> None:
        """Raise CommandError with all ports that cannot be listened on."""
        check_ports(asdict(self), LOOPBACK)

    def host_port(self, name: str) -> str:
        """Return host and port of an engine, as host:port."""
        return f"{LOOPBACK}:{getattr(self, name)}"

    def is_ready(self, name: str) -> bool:
        """Whether an engine does its work, which is more than listening."""
        if name == "zookeeper":
            return _listens(self.zookeeper)
        if name == "kafka":
            return _listens(self.kafka) and probe.is_reachable(self.host_port("kafka"))
        url = f"http://{self.host_port(name)}"
        return all(responds(url + path) for path in READY_PATHS[name]) and (name != "broker" or _answers_sql(url))


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers_sql(url: str) -> bool:
    try:
        return httpx.post(url + "/druid/v2/sql", json={"query": "SELECT 1"}, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
