"""What topics.toml says of our topics on Kafka: their partitions and settings."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from topics.kafka.settings import KafkaSettings

FILE = Path(__file__).parents[1] / "topics.toml"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be."""

    topic: str
    partitions: int
    settings: Mapping[str, str]


def topic_specs(settings: KafkaSettings) -> list[TopicSpec]:
    """Give the topics that belong to this prefix."""
    found = []
    for name, table in tomllib.loads(FILE.read_text("utf-8")).items():
        partitions = int(table.pop("partitions"))
        found.append(TopicSpec(settings.topic(name), partitions, {key: str(value) for key, value in table.items()}))
    return found


def record_topic_specs(settings: KafkaSettings, names: Iterable[str]) -> list[TopicSpec]:
    """Give topics of these full names, each as the one of the records is."""
    [records] = [one for one in topic_specs(settings) if one.topic == settings.topic("avro")]
    return [replace(records, topic=name) for name in names]
