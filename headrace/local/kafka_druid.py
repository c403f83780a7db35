"""The topics and the table that an installation with Kafka and Druid needs."""

import os

from rich.console import Console

from headrace.druid.apply import apply_table
from headrace.engines.ports import EnginePorts
from headrace.kafka import apply_topics, read_settings
from topics.kafka.settings import KafkaSettings


def kafka_variables(ports: EnginePorts) -> dict[str, str]:
    """Return the variables of a service that uses this Kafka."""
    return KafkaSettings.environment(bootstrap_servers=ports.host_port("kafka"))


def apply(ports: EnginePorts, console: Console) -> None:
    """Create or update the topics on Kafka and the table on Druid."""
    settings = read_settings(os.environ | kafka_variables(ports))
    quiet = Console(quiet=True)
    with console.status("creating the topics on Kafka and the table on Druid"):
        apply_topics(settings, quiet)
        apply_table(f"http://{ports.host_port('coordinator')}", settings, quiet)
