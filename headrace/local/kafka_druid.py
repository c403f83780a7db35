"""What stands between the collector and Druid SQL when the engines are Kafka and Druid."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from headrace.druid.apply import apply_table
from headrace.engines.services import NAMES, Engines
from headrace.kafka import apply_topics, read_settings
from headrace.processes.installation import LOOPBACK, StateFolder, base_url
from headrace.processes.supervisor import Service, responds
from topics.kafka.settings import PREFIX


@dataclass(frozen=True, slots=True)
class KafkaDruid:
    """Kafka and Druid with the processes that bring events from a local topic to them."""

    state: StateFolder
    ports: dict[str, int]
    engines: Engines

    def engine_services(self) -> Iterator[Service]:
        """Give the engines themselves."""
        return map(self.engines.service, NAMES)

    def apply(self, console: Console) -> None:
        """Make the topics on Kafka and the table on Druid, or bring them up to date."""
        settings = read_settings(os.environ | self._where_kafka_is())
        quiet = Console(quiet=True)
        with console.status("bringing Kafka and Druid up to date"):
            apply_topics(settings, quiet)
            apply_table(base_url("coordinator", LOOPBACK, self.ports), settings, quiet)

    def forwarder(self) -> Service:
        """Give the service that sends the collector's local topic to Kafka."""
        return self._on_kafka("forwarder", "topics.forwarder", "HEADRACE_FORWARDER", {"TOPIC_DIRECTORY": str(self.state.topic)})

    def converter(self) -> Service:
        """Give the service that makes rows of records."""
        return self._on_kafka("converter", "streams", "HEADRACE_STREAMS", {"PLACES": str(self.state.places)})

    def _on_kafka(self, name: str, module: str, prefix: str, settings: dict[str, str]) -> Service:
        here = {f"{prefix}_{key}": value for key, value in ({"HOST": LOOPBACK, "PORT": str(self.ports[name])} | settings).items()}
        ready = partial(responds, base_url(name, LOOPBACK, self.ports) + "/health/ready")
        return Service(name, (sys.executable, "-m", module), self._where_kafka_is() | here, ready)

    def _where_kafka_is(self) -> dict[str, str]:
        return {f"{PREFIX}BOOTSTRAP_SERVERS": self.engines.ports.host_port("kafka")}
