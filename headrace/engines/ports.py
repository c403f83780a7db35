"""Where Kafka, ZooKeeper and Druid's processes listen on this machine, and whether they do their work."""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Self

import httpx

from headrace.errors import CommandError
from headrace.processes.installation import LOOPBACK
from headrace.processes.ports import check_ports
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
    """Where each engine listens; the defaults are the engines' own."""

    zookeeper: int = 2181
    kafka: int = 9092
    controller: int = 9093  # Kafka's own talk
    derby: int = 1527  # Druid's metadata, in the coordinator
    coordinator: int = 8081
    historical: int = 8083
    broker: int = 8082
    indexer: int = 8091

    @classmethod
    def among(cls, ports: Mapping[str, int]) -> Self:
        """Find the engines' ports among those of an installation, whose port of SQL is the broker's."""
        return cls(**{name: ports[name] for name in cls().without_broker()}, broker=ports["sql"])

    def without_broker(self) -> dict[str, int]:
        """Give the ports that an installation has beside its port of SQL."""
        return {name: port for name, port in asdict(self).items() if name != "broker"}

    def with_choices(self, choices: Iterable[str]) -> Self:
        """Give the ports with some of them changed, each as NAME=NUMBER; raises CommandError on anything else."""
        changed = asdict(self)
        for choice in choices:
            name, _, number = choice.partition("=")
            if name not in changed or not number.isdecimal() or not 0 < int(number) < 65536:
                raise CommandError(f"--engine-port {choice}: NAME=NUMBER is expected, NAME one of {', '.join(changed)}")
            changed[name] = int(number)
        return replace(self, **changed)

    def check(self) -> None:
        """See that each can be listened on; raises CommandError with all that cannot."""
        check_ports(asdict(self), lambda _name: LOOPBACK, option)

    def host_port(self, name: str) -> str:
        """Give host and port of an engine."""
        return f"{LOOPBACK}:{getattr(self, name)}"

    def is_ready(self, name: str) -> bool:
        """Say whether an engine does its work, not merely listens."""
        if name == "zookeeper":
            return _listens(self.zookeeper)
        if name == "kafka":
            return _listens(self.kafka) and probe.is_reachable(self.host_port("kafka"))
        url = f"http://{self.host_port(name)}"
        return all(responds(url + path) for path in READY_PATHS[name]) and (name != "broker" or _answers_sql(url))


def option(name: str) -> str:
    """Give the option that chooses the port of an engine."""
    return f"--engine-port {name}=NUMBER"


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
