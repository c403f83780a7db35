"""The specifications of our topics on Kafka, from topics.toml: partitions and settings."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from topics.kafka.settings import KafkaSettings

FILE = Path(__file__).parents[1] / "topics.toml"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """The desired state of a topic."""

    topic: str
    partitions: int
    settings: Mapping[str, str]


def topic_specs(settings: KafkaSettings) -> list[TopicSpec]:
    """Return the specifications of the topics with this prefix."""
    found = []
    for name, table in tomllib.loads(FILE.read_text("utf-8")).items():
        partitions = int(table.pop("partitions"))
        found.append(TopicSpec(settings.topic(name), partitions, {key: str(value) for key, value in table.items()}))
    return found


def record_topic_specs(settings: KafkaSettings, names: Iterable[str]) -> list[TopicSpec]:
    """Return specifications for topics of these full names, with the options of the topic of the records."""
    [records] = [spec for spec in topic_specs(settings) if spec.topic == settings.topic("avro")]
    return [replace(records, topic=name) for name in names]
