"""Deleted rows in the ledger on Kafka: counted for spools that stored rows of their minute and source."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException

from topics.accounts import ACCOUNT, DELETED, STORED
from topics.kafka.delivery import deliver
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.kafka.transactions import Output, TransactionFailed, read_partition
from topics.ledger import Minute

SECONDS = 10.0


class _Place(NamedTuple):
    """Where an account stands: a partition of the ledger, and what it is of."""

    partition: int
    spool: str
    minute: Minute


def account_deleted(settings: KafkaSettings, deleted: Mapping[Minute, int]) -> None:
    """Add deleted rows to the ledger, as far as it reaches back; raises TopicError."""
    stored: Counter[_Place] = Counter()
    before: Counter[_Place] = Counter()
    for place, kind, counts in _accounts(settings):
        if kind == ACCOUNT:
            stored[place] = counts.get(STORED, 0)
        elif kind == DELETED:
            before[place] = counts.get(DELETED, 0)
    deliver(settings, _outputs(settings.topic("ledger"), stored, before, deleted))


def _outputs(topic: str, stored: Counter[_Place], before: Counter[_Place], deleted: Mapping[Minute, int]) -> Iterator[Output]:
    """Return whole sums: a spool takes as many of a minute's rows as it has left."""
    left = Counter(deleted)
    for place, count in stored.items():
        taken = min(left[place.minute], count - before[place])
        if taken > 0:
            left[place.minute] -= taken
            key = [DELETED, place.spool, *place.minute]
            yield Output(topic, place.partition, msgspec.json.encode(key), msgspec.json.encode({DELETED: before[place] + taken}))


def _accounts(settings: KafkaSettings) -> Iterable[tuple[_Place, str, dict[str, int]]]:
    topic = settings.topic("ledger")
    for partition in _partitions(settings, topic):
        for found in read_partition(settings, topic, partition):
            if found.key is None or found.value is None:
                continue
            kind, spool, *minute = msgspec.json.decode(found.key)
            if len(minute) == 2:
                yield _Place(partition, spool, (minute[0], minute[1])), kind, msgspec.json.decode(found.value)


def _partitions(settings: KafkaSettings, topic: str) -> list[int]:
    consumer = Consumer({**settings.client(), "group.id": f"{settings.prefix}-rows"}, logger=CLIENT_LOG)
    try:  # all topics are asked for: a question for one by its name could make it
        found = consumer.list_topics(timeout=SECONDS).topics.get(topic)
    except KafkaException as error:
        raise TransactionFailed(f"{topic} cannot be read: {error}") from error
    finally:
        consumer.close()
    return sorted(found.partitions) if found else []
