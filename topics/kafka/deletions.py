"""Deleted rows in the ledger on Kafka: each counts for a spool that stored rows of its minute and source."""

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

METADATA_TIMEOUT_SECONDS = 10.0


class _AccountKey(NamedTuple):
    """The partition, spool, minute and source of an account in the ledger."""

    partition: int
    spool: str
    minute: Minute


def account_deleted(settings: KafkaSettings, deleted: Mapping[Minute, int]) -> None:
    """Add deleted rows to the ledger, as far back as it reaches; raises TopicError."""
    stored: Counter[_AccountKey] = Counter()
    before: Counter[_AccountKey] = Counter()
    for account, kind, counts in _accounts(settings):
        if kind == ACCOUNT:
            stored[account] = counts.get(STORED, 0)
        elif kind == DELETED:
            before[account] = counts.get(DELETED, 0)
    deliver(settings, _outputs(settings.topic("ledger"), stored, before, deleted))


def _outputs(topic: str, stored: Counter[_AccountKey], before: Counter[_AccountKey], deleted: Mapping[Minute, int]) -> Iterator[Output]:
    """Yield whole sums: a spool takes as many deleted rows of a minute as it has stored."""
    left = Counter(deleted)
    for account, count in stored.items():
        taken = min(left[account.minute], count - before[account])
        if taken > 0:
            left[account.minute] -= taken
            key = [DELETED, account.spool, *account.minute]
            yield Output(topic, account.partition, msgspec.json.encode(key), msgspec.json.encode({DELETED: before[account] + taken}))


def _accounts(settings: KafkaSettings) -> Iterable[tuple[_AccountKey, str, dict[str, int]]]:
    topic = settings.topic("ledger")
    for partition in _partitions(settings, topic):
        for found in read_partition(settings, topic, partition):
            if found.key is None or found.value is None:
                continue
            kind, spool, *minute = msgspec.json.decode(found.key)
            if len(minute) == 2:
                yield _AccountKey(partition, spool, (minute[0], minute[1])), kind, msgspec.json.decode(found.value)


def _partitions(settings: KafkaSettings, topic: str) -> list[int]:
    consumer = Consumer({**settings.client(), "group.id": f"{settings.prefix}-rows"}, logger=CLIENT_LOG)
    try:  # list all topics: a request for one by name could create it
        found = consumer.list_topics(timeout=METADATA_TIMEOUT_SECONDS).topics.get(topic)
    except KafkaException as error:
        raise TransactionFailed(f"{topic} cannot be read: {error}") from error
    finally:
        consumer.close()
    return sorted(found.partitions) if found else []
