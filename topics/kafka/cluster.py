"""The topics as they are on a cluster, brought to what topics.toml says of them."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.kafka.topic_specs import TopicSpec, record_topic_specs, topic_specs
from topics.topic import TopicError

REACHED_SECONDS = 5.0
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.1

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class ClusterError(TopicError):
    """Kafka does not answer or does not do what it is asked; one line for each fault."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting of a topic that is not what it should be."""

    topic: str
    name: str
    found: str | None
    wanted: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to bring the topics up to date."""

    missing: tuple[TopicSpec, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """How far a partition and those who read it have come, as offsets."""

    topic: str
    number: int
    end: int
    stable_end: int  # where readers of committed messages must stop: the first message of a transaction that is open
    unread: int | None = None  # by the converter


class Cluster:
    """One cluster. It keeps its client: the answers under way of one that is dropped are lost."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._specs = topic_specs(settings)
        self._client = AdminClient({**settings.client()}, logger=CLIENT_LOG)

    def plan(self, records: Iterable[str] = ()) -> Plan:
        """Compare what there is with what should be; raises ClusterError with all that cannot be mended.

        `records` are topics of sources: one that is there belongs to its consumers, and stays as it is.
        """
        partitions = self._partitions()
        there = [one for one in self._specs if one.topic in partitions]
        faults = [
            f"{one.topic} has {partitions[one.topic]} partitions, not {one.partitions}: a party's events would change their partition and "
            "lose their order; give the old number in topics/topics.toml, or take another HEADRACE_KAFKA_PREFIX"
            for one in there
            if partitions[one.topic] != one.partitions
        ]
        if faults:
            raise ClusterError("\n".join(faults))
        wanted = [*self._specs, *record_topic_specs(self._settings, records)]
        return Plan(tuple(one for one in wanted if one.topic not in partitions), tuple(self._changes(there)))

    def carry_out(self, plan: Plan) -> None:
        """Create and change what the plan says; raises ClusterError with all that Kafka refuses."""
        new = [NewTopic(one.topic, one.partitions, config=dict(one.settings)) for one in plan.missing]
        wanted: dict[str, list[ConfigEntry]] = {}
        for change in plan.changes:
            entry = ConfigEntry(change.name, change.wanted, incremental_operation=AlterConfigOpType.SET)
            wanted.setdefault(change.topic, []).append(entry)
        altered = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries) for topic, entries in wanted.items()]
        if new:
            _answers(self._client.create_topics(new, request_timeout=ANSWER_SECONDS))
        if altered:
            _answers(self._client.incremental_alter_configs(altered, request_timeout=ANSWER_SECONDS))
        self._wait_for([TopicPartition(one.topic, number) for one in plan.missing for number in range(one.partitions)])

    def missing(self) -> list[str]:
        """Give the topics that are not there."""
        there = self._partitions()
        return [one.topic for one in self._specs if one.topic not in there]

    def partitions(self) -> list[Partition]:
        """Say how far each partition of our topics is, and the converter in those of the records."""
        counts = self._partitions()
        ours = [TopicPartition(one.topic, number) for one in self._specs for number in range(counts.get(one.topic, 0))]
        records = [one for one in ours if one.topic == self._settings.topic("avro")]
        with closing(self._look("read_committed")) as committed, closing(self._look("read_uncommitted")) as everything:
            ends = _patiently(lambda: [everything.get_watermark_offsets(one, timeout=ANSWER_SECONDS) for one in ours])
            stable_ends = _patiently(lambda: [committed.get_watermark_offsets(one, timeout=ANSWER_SECONDS)[1] for one in ours])
            offsets = _patiently(lambda: committed.committed(records, timeout=ANSWER_SECONDS)) if records else []
        read = {one.partition: one.offset for one in offsets}
        found = []
        for one, (start, end), stable_end in zip(ours, ends, stable_ends, strict=True):
            unread = stable_end - max(start, read[one.partition]) if one in records else None
            found.append(Partition(one.topic, one.partition, end, stable_end, unread))
        return found

    def _wait_for(self, made: list[TopicPartition]) -> None:
        """Wait until new partitions can be used: Kafka says that they are made before they are."""
        with closing(self._look("read_uncommitted")) as consumer:
            _patiently(lambda: [consumer.get_watermark_offsets(one, timeout=ANSWER_SECONDS) for one in made])

    def _look(self, isolation: str) -> Consumer:
        """Give a consumer that names the converter's group, to ask for its offsets, and never joins it."""
        ours = {"group.id": f"{self._settings.prefix}-converter", "enable.auto.commit": False, "isolation.level": isolation}
        return Consumer({**self._settings.client(), **ours}, logger=CLIENT_LOG)

    def _partitions(self) -> dict[str, int]:
        try:
            topics = self._client.list_topics(timeout=REACHED_SECONDS).topics
        except KafkaException as error:
            raise ClusterError(f"Kafka does not answer at {self._settings.bootstrap_servers}: {_text(error)}") from error
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def _changes(self, there: list[TopicSpec]) -> Iterable[Change]:
        if not there:
            return
        asked = [ConfigResource(ResourceType.TOPIC, one.topic) for one in there]
        answers = _answers(self._client.describe_configs(asked, request_timeout=ANSWER_SECONDS))
        found = {resource.name: entries for resource, entries in answers.items()}
        for one in there:
            for name, wanted in one.settings.items():
                entry = found[one.topic].get(name)
                value = entry.value if entry else None
                if value != wanted:
                    yield Change(one.topic, name, value, wanted)


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Ask until there is an answer; raises ClusterError. A cluster that has just begun knows neither leaders nor coordinators at first."""
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if time.monotonic() > until:
                raise ClusterError(_text(error)) from error
            time.sleep(PAUSE_SECONDS)  # nothing tells when it answers


def _answers(asked: "Mapping[_Asked, Future[_Answer]]") -> dict[_Asked, _Answer]:
    """Wait for all answers; raises ClusterError with every refusal."""
    answers, faults = {}, []
    for what, future in asked.items():
        try:
            answers[what] = future.result()
        except KafkaException as error:
            faults.append(f"{what.name if isinstance(what, ConfigResource) else what}: {_text(error)}")
    if faults:
        raise ClusterError("\n".join(faults))
    return answers


def _text(error: KafkaException) -> str:
    return str(error.args[0].str())
