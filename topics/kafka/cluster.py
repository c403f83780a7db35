"""The topics on a cluster: compare them with topics.toml, create and change them, and report their lag."""

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

METADATA_TIMEOUT_SECONDS = 5.0
REQUEST_TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = 0.1

_Subject = TypeVar("_Subject")
_Result = TypeVar("_Result")


class ClusterError(TopicError):
    """Kafka does not respond, or rejects a request; one line per error."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting of a topic that differs from topics.toml."""

    topic: str
    name: str
    found: str | None
    wanted: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The topics to create and the settings to change."""

    missing: tuple[TopicSpec, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """The end of a partition and the lag of its converter, as offsets."""

    topic: str
    number: int
    end: int
    stable_end: int  # where consumers of committed messages stop: the first message of an open transaction
    unread: int | None = None  # the converter's lag


class Cluster:
    """One cluster. It keeps its client, because a dropped client loses its responses."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._specs = topic_specs(settings)
        self._client = AdminClient({**settings.client()}, logger=CLIENT_LOG)

    def plan(self, records: Iterable[str] = ()) -> Plan:
        """Compare the cluster with topics.toml; raises ClusterError with all differences that cannot be changed.

        `records` are topics of sources: an existing one belongs to its consumers and stays as it is.
        """
        partitions = self._partitions()
        existing = [spec for spec in self._specs if spec.topic in partitions]
        faults = [
            f"{spec.topic} has {partitions[spec.topic]} partitions, not {spec.partitions}: a party's events would change their partition "
            "and lose their order; put the old number into topics/topics.toml, or use another HEADRACE_KAFKA_PREFIX"
            for spec in existing
            if partitions[spec.topic] != spec.partitions
        ]
        if faults:
            raise ClusterError("\n".join(faults))
        wanted = [*self._specs, *record_topic_specs(self._settings, records)]
        return Plan(tuple(spec for spec in wanted if spec.topic not in partitions), tuple(self._changes(existing)))

    def apply(self, plan: Plan) -> None:
        """Create and change topics according to the plan; raises ClusterError with everything that Kafka rejects."""
        new = [NewTopic(spec.topic, spec.partitions, config=dict(spec.settings)) for spec in plan.missing]
        wanted: dict[str, list[ConfigEntry]] = {}
        for change in plan.changes:
            entry = ConfigEntry(change.name, change.wanted, incremental_operation=AlterConfigOpType.SET)
            wanted.setdefault(change.topic, []).append(entry)
        altered = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries) for topic, entries in wanted.items()]
        if new:
            _results(self._client.create_topics(new, request_timeout=REQUEST_TIMEOUT_SECONDS))
        if altered:
            _results(self._client.incremental_alter_configs(altered, request_timeout=REQUEST_TIMEOUT_SECONDS))
        self._wait_for([TopicPartition(spec.topic, number) for spec in plan.missing for number in range(spec.partitions)])

    def missing(self) -> list[str]:
        """Return the topics that do not exist."""
        existing = self._partitions()
        return [spec.topic for spec in self._specs if spec.topic not in existing]

    def partitions(self) -> list[Partition]:
        """Return the end of each partition of our topics, and the converter's lag in those of the records."""
        counts = self._partitions()
        ours = [TopicPartition(spec.topic, number) for spec in self._specs for number in range(counts.get(spec.topic, 0))]
        records = [one for one in ours if one.topic == self._settings.topic("avro")]
        with closing(self._observer("read_committed")) as committed, closing(self._observer("read_uncommitted")) as everything:
            ends = _retry(lambda: [everything.get_watermark_offsets(one, timeout=REQUEST_TIMEOUT_SECONDS) for one in ours])
            stable_ends = _retry(lambda: [committed.get_watermark_offsets(one, timeout=REQUEST_TIMEOUT_SECONDS)[1] for one in ours])
            offsets = _retry(lambda: committed.committed(records, timeout=REQUEST_TIMEOUT_SECONDS)) if records else []
        read = {one.partition: one.offset for one in offsets}
        found = []
        for one, (start, end), stable_end in zip(ours, ends, stable_ends, strict=True):
            unread = stable_end - max(start, read[one.partition]) if one in records else None
            found.append(Partition(one.topic, one.partition, end, stable_end, unread))
        return found

    def _wait_for(self, created: list[TopicPartition]) -> None:
        """Wait until new partitions can be used: Kafka reports them as created before they are."""
        with closing(self._observer("read_uncommitted")) as consumer:
            _retry(lambda: [consumer.get_watermark_offsets(one, timeout=REQUEST_TIMEOUT_SECONDS) for one in created])

    def _observer(self, isolation: str) -> Consumer:
        """Return a consumer that names the converter's group to read its offsets, and never joins it."""
        ours = {"group.id": f"{self._settings.prefix}-converter", "enable.auto.commit": False, "isolation.level": isolation}
        return Consumer({**self._settings.client(), **ours}, logger=CLIENT_LOG)

    def _partitions(self) -> dict[str, int]:
        try:
            topics = self._client.list_topics(timeout=METADATA_TIMEOUT_SECONDS).topics
        except KafkaException as error:
            raise ClusterError(f"Kafka does not respond at {self._settings.bootstrap_servers}: {_text(error)}") from error
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def _changes(self, existing: list[TopicSpec]) -> Iterable[Change]:
        if not existing:
            return
        resources = [ConfigResource(ResourceType.TOPIC, spec.topic) for spec in existing]
        results = _results(self._client.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_SECONDS))
        found = {resource.name: entries for resource, entries in results.items()}
        for spec in existing:
            for name, wanted in spec.settings.items():
                entry = found[spec.topic].get(name)
                value = entry.value if entry else None
                if value != wanted:
                    yield Change(spec.topic, name, value, wanted)


def _retry(request: Callable[[], _Result]) -> _Result:
    """Retry a request until it succeeds; raises ClusterError. A cluster that has just started has no leaders or coordinators yet."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_SECONDS
    while True:
        try:
            return request()
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ClusterError(_text(error)) from error
            time.sleep(RETRY_SECONDS)  # no event to wait for


def _results(requests: "Mapping[_Subject, Future[_Result]]") -> dict[_Subject, _Result]:
    """Wait for all results; raises ClusterError with every error."""
    results, faults = {}, []
    for subject, future in requests.items():
        try:
            results[subject] = future.result()
        except KafkaException as error:
            faults.append(f"{subject.name if isinstance(subject, ConfigResource) else subject}: {_text(error)}")
    if faults:
        raise ClusterError("\n".join(faults))
    return results


def _text(error: KafkaException) -> str:
    return str(error.args[0].str())
