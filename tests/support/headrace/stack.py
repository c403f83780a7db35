"""The production path as child processes: collector, forwarder, Kafka, converters, Druid; each can be killed and started by its name."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from support.headrace.engines import RunningEngines
from support.ports import free_ports
from support.waiting import wait_until

from enrichment import demo_places
from headrace.druid.apply import apply_table
from headrace.druid.client import SUPERVISORS
from headrace.druid.spec import Options
from headrace.druid.status import status
from headrace.engines.services import NAMES
from headrace.errors import CommandError
from headrace.kafka import apply_topics
from headrace.processes.supervisor import Service, responds
from topics.kafka.settings import KafkaSettings

SERVICES = ("collector", "forwarder", "converter", "second-converter")
EXACT = {"useApproximateCountDistinct": False}


@dataclass(frozen=True)
class Stack:
    """The project's services on real engines; `name` is that of the topics and the table."""

    engines: RunningEngines
    folder: Path
    name: str
    ports: dict[str, int]
    client: httpx.Client

    @classmethod
    def start(cls, engines: RunningEngines, folder: Path, *, name: str = "clickstream", task_duration: str | None = None) -> "Stack":
        """Create the topics, start the services, and let Druid ingest; the second converter is not started."""
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        stack = cls(engines, folder, name, ports, httpx.Client(trust_env=False, timeout=60))
        folder.mkdir(parents=True, exist_ok=True)
        demo_places.build(folder / "places.mmdb")
        apply_topics(stack.kafka, Console(file=StringIO()))
        stack.start_services("collector", "forwarder", "converter")
        apply_table(engines.overlord_url, stack.kafka, Console(file=StringIO()), options=Options(name, task_duration=task_duration))
        return stack

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.engines.kafka, prefix=self.name)

    @property
    def url(self) -> str:
        """The URL for events."""
        return f"http://127.0.0.1:{self.ports['collector']}"

    def start_services(self, *names: str, wait: bool = True) -> None:
        """Start some services, and wait until they are ready."""
        for name in names:
            self.engines.supervisor.start(self._service(name))
        for name in names if wait else ():
            wait_until(partial(self.engines.supervisor.is_ready, name), within_seconds=90, every_seconds=0.1)

    def kill(self, name: str) -> None:
        """Kill a process: it is not asked."""
        self.engines.kill(name)

    def restart(self, name: str, *, wait: bool = True) -> None:
        """Kill a process and start it again."""
        if name in NAMES:
            self.engines.restart(name)
        else:
            self.kill(name)
            self.start_services(name, wait=wait)

    def stop_services(self, *names: str) -> None:
        """Stop some services gracefully, by default all."""
        self.engines.supervisor.stop(*((name,) for name in names or SERVICES))

    def stop(self) -> None:
        """Stop our services and Druid's reading; the engines stay."""
        self.client.post(f"{self.engines.overlord_url}{SUPERVISORS}/{self.name}/terminate")
        self.client.close()
        for name in SERVICES:
            if name in self.engines.supervisor.children:
                self.engines.resume(name)
        self.stop_services()

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Ask Druid, with exact counts; nothing while it cannot answer."""
        try:
            answer = self.client.post(self.engines.sql_url, json={"query": statement, "context": EXACT})
        except httpx.TransportError:
            return []
        return list(answer.json()) if answer.status_code == httpx.codes.OK else []

    def count(self, site: str) -> int:
        """Count a site's rows; fewer while Druid has lost sight of some."""
        found = self.sql(f"SELECT COUNT(*) AS n FROM \"{self.name}\" WHERE site = '{site}'")
        return int(found[0]["n"]) if found else 0

    def ids(self, site: str) -> list[str]:
        """Return the event ids of a site's rows, sorted; one per row."""
        digits = "0123456789abcdef"
        asked = (f"SELECT event_id FROM \"{self.name}\" WHERE site = '{site}' AND event_id LIKE '{digit}%'" for digit in digits)
        return sorted(row["event_id"] for statement in asked for row in self.sql(statement))

    def ledger(self) -> dict[str, int]:
        """Ask the collector for the total of its ledger."""
        answer = self.client.get(f"http://127.0.0.1:{self.ports['collector'] + 1}/ledger")
        total: dict[str, int] = answer.raise_for_status().json()["total"]
        return total

    def diagnosis(self) -> str:
        """Describe where events are held up: how far Druid is, whether each process is ready, and the last lines of its log."""
        try:
            druid_status: object = status(self.engines.overlord_url, self.name)
        except CommandError as error:
            druid_status = error
        lines = [f"ledger: {self.ledger()}", f"druid: {druid_status}"]
        for name, child in self.engines.supervisor.children.items():
            lines.append(f"--- {name}: ready {self.engines.supervisor.is_ready(name)}, exit status {child.process.poll()}")
            if name in SERVICES:
                lines += self._not_ready_reason(name), *child.log.read_text("utf-8", "replace").splitlines()[-15:]
        return "\n".join(lines)

    def _not_ready_reason(self, name: str) -> str:
        try:
            return self.client.get(f"http://127.0.0.1:{self.ports[name] + (name == 'collector')}/health/ready", timeout=5).text
        except httpx.TransportError as error:
            return str(error)

    def wait_for_rows(self, ids: Sequence[str], site: str, *, within_seconds: float = 120) -> None:
        """Wait until each event is a row and the accounts agree; then there is no row too many."""
        wait_until(lambda: self.count(site) >= len(ids), within_seconds=within_seconds, every_seconds=0.5)
        wait_until(lambda: self.ledger()["difference"] == 0, within_seconds=30, every_seconds=0.25)
        assert self.ids(site) == sorted(ids)

    def _service(self, name: str) -> Service:
        port, topic = self.ports[name], self.folder / "topic"
        settings: dict[str, dict[str, object]] = {
            "collector": {"PORT": port, "INTERNAL_PORT": port + 1, "TOPIC_DIRECTORY": topic, "KEY_FILE": self.folder / "secrets" / "key"},
            "forwarder": {"PORT": port, "TOPIC_DIRECTORY": topic},
            "streams": {"PORT": port, "INSTANCE": name, "PLACES": self.folder / "places.mmdb"},
        }
        program = {"collector": "collector", "forwarder": "topics.forwarder"}.get(name, "streams")
        prefix = name if name in settings else "streams"
        environment = {f"HEADRACE_{prefix.upper()}_{key}": str(value) for key, value in settings[prefix].items()}
        environment |= {"HEADRACE_KAFKA_BOOTSTRAP_SERVERS": self.engines.kafka, "HEADRACE_KAFKA_PREFIX": self.name}
        ready = f"http://127.0.0.1:{port + 1 if name == 'collector' else port}/health/ready"
        return Service(name, (sys.executable, "-m", program), environment, lambda: responds(ready), self.folder)


def pass_by(seconds: float) -> None:
    """Wait for the duration of an outage."""
    ending = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ending, within_seconds=seconds + 10, every_seconds=0.25)
