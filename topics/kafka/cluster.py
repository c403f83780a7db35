"""The topics as they are on a cluster, brought to what topics.toml says of them."""

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, OffsetSpec, ResourceType

from topics.kafka.definitions import Definition, definitions
from topics.kafka.settings import KafkaSettings
from topics.topic import TopicError

ANSWER_SECONDS = 10.0
LEADER_SECONDS = 30.0
SECONDS_BETWEEN_LOOKS = 0.1

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

    missing: tuple[Definition, ...]
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
        self._definitions = definitions(settings)
        self._client = AdminClient({**settings.client()}, logger=logging.getLogger("kafka"))

    def plan(self) -> Plan:
        """Compare what there is with what should be; raises ClusterError with all that cannot be mended."""
        partitions = self._partitions()
        there = [one for one in self._definitions if one.topic in partitions]
        faults = [
            f"{one.topic} has {partitions[one.topic]} partitions, not {one.partitions}: a party's events would change their partition and "
            "lose their order; give the old number in topics/topics.toml, or take another HEADRACE_KAFKA_PREFIX"
            for one in there
            if partitions[one.topic] != one.partitions
        ]
        if faults:
            raise ClusterError("\n".join(faults))
        return Plan(tuple(one for one in self._definitions if one.topic not in partitions), tuple(self._changes(there)))

    def carry_out(self, plan: Plan) -> None:
        """Create and change what the plan says, ready to be read and written; raises ClusterError with all that Kafka refuses."""
        new = [NewTopic(one.topic, one.partitions, config=dict(one.settings)) for one in plan.missing]
        wanted: dict[str, list[ConfigEntry]] = {}
        for change in plan.changes:
            entry = ConfigEntry(change.name, change.wanted, incremental_operation=AlterConfigOpType.SET)
            wanted.setdefault(change.topic, []).append(entry)
        altered = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries) for topic, entries in wanted.items()]
        if new:
            _answers(self._client.create_topics(new, request_timeout=ANSWER_SECONDS))
            self._wait_for_leaders([TopicPartition(one.topic, number) for one in plan.missing for number in range(one.partitions)])
        if altered:
            _answers(self._client.incremental_alter_configs(altered, request_timeout=ANSWER_SECONDS))

    def missing(self) -> list[str]:
        """Give the topics that are not there."""
        there = self._partitions()
        return [one.topic for one in self._definitions if one.topic not in there]

    def partitions(self) -> list[Partition]:
        """Say how far each partition of our topics is, and the converter in those of the records."""
        counts = self._partitions()
        all_of_them = [TopicPartition(one.topic, number) for one in self._definitions for number in range(counts.get(one.topic, 0))]
        ends = self._offsets(all_of_them, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        stable = self._offsets(all_of_them, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        records = [one for one in all_of_them if one.topic == self._settings.topic("avro")]
        starts = self._offsets(records, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
        read = self._read_by_the_converter(records)
        found = []
        for one in all_of_them:
            place = (one.topic, one.partition)
            unread = stable[place] - max(starts[place], read.get(place, 0)) if place in starts else None
            found.append(Partition(*place, ends[place], stable[place], unread))
        return found

    def _wait_for_leaders(self, partitions: list[TopicPartition]) -> None:
        """Ask until all answer: for a moment after it is made a partition has no leader, and who starts then would fail."""
        until = time.monotonic() + LEADER_SECONDS
        while True:
            try:
                self._offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
                return
            except ClusterError:
                if time.monotonic() > until:
                    raise
            time.sleep(SECONDS_BETWEEN_LOOKS)  # Kafka tells nobody when it is done

    def _partitions(self) -> dict[str, int]:
        try:
            topics = self._client.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as error:
            raise ClusterError(f"Kafka does not answer at {self._settings.bootstrap_servers}: {_text(error)}") from error
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def _changes(self, there: list[Definition]) -> Iterable[Change]:
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

    def _offsets(self, partitions: list[TopicPartition], which: OffsetSpec, isolation: IsolationLevel) -> dict[tuple[str, int], int]:
        if not partitions:
            return {}
        asked = dict.fromkeys(partitions, which)
        answers = _answers(self._client.list_offsets(asked, isolation_level=isolation, request_timeout=ANSWER_SECONDS))
        return {(one.topic, one.partition): answer.offset for one, answer in answers.items()}

    def _read_by_the_converter(self, partitions: list[TopicPartition]) -> dict[tuple[str, int], int]:
        if not partitions:
            return {}
        group = f"{self._settings.prefix}-converter"
        asked = [ConsumerGroupTopicPartitions(group, partitions)]
        answers = _answers(self._client.list_consumer_group_offsets(asked, request_timeout=ANSWER_SECONDS))
        return {(one.topic, one.partition): one.offset for one in answers[group].topic_partitions if one.offset >= 0}


def _answers(asked: "Mapping[_Asked, Future[_Answer]]") -> dict[_Asked, _Answer]:
    """Wait for all answers; raises ClusterError with every refusal."""
    answers, faults = {}, []
    for what, future in asked.items():
        try:
            answers[what] = future.result()
        except KafkaException as error:
            faults.append(f"{getattr(what, 'name', what)}: {_text(error)}")
    if faults:
        raise ClusterError("\n".join(faults))
    return answers


def _text(error: KafkaException) -> str:
    return str(error.args[0].str())
