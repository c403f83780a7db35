"""The converters' accounts of a spool, read from the ledger on Kafka as they are committed."""

import threading
from typing import Final

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from topics.accounts import ACCOUNT, DELETED, Accounts, Counts, add_counts
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.ledger import Minute

POLL_SECONDS = 0.25
METADATA_TIMEOUT_SECONDS = 2.0
MAX_CONSUMED = 1000

CONSUMER_OPTIONS: Final = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "queued.max.messages.kbytes": 4096,
}

log = structlog.get_logger("ledger")


class LedgerFeed:
    """Follows the ledger in a thread. Each partition has its own converter, so the latest accounts of all partitions are added up."""

    def __init__(self, settings: KafkaSettings, spool: bytes) -> None:
        self._topic, self._spool = settings.topic("ledger"), spool.hex()
        # librdkafka requires a group; this consumer never joins it and commits nothing.
        config = {**settings.client(), **CONSUMER_OPTIONS, "group.id": f"{settings.prefix}-forwarder"}
        self._consumer = Consumer(config, logger=CLIENT_LOG)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._values: dict[Minute, dict[tuple[str, int], Counts]] = {}  # by kind and partition
        self._changed: dict[Minute, None] = {}
        self._unread: set[int] | None = None  # partitions that are not read to their end yet; None before they are known
        self._thread = threading.Thread(target=self._run, name="ledger feed", daemon=True)
        self._thread.start()

    @property
    def is_caught_up(self) -> bool:
        """Whether everything that existed at the start is read; before that, older accounts would be reported again."""
        return self._unread is not None and not self._unread

    def take_changed(self, oldest_minute: int) -> Accounts:
        """Return the accounts that changed since the last call; drop the minutes before `oldest_minute`."""
        if not self.is_caught_up or not self._changed:
            return {}
        with self._lock:
            self._values = {minute: values for minute, values in self._values.items() if minute[0] >= oldest_minute}
            changed = {minute: _sum(self._values[minute]) for minute in self._changed if minute in self._values}
            self._changed.clear()
        return changed

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(METADATA_TIMEOUT_SECONDS * 2)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self._assign():
                self._stop.wait(POLL_SECONDS)
            while not self._stop.is_set():
                self._handle(self._consumer.consume(MAX_CONSUMED, POLL_SECONDS))
        finally:
            self._consumer.close()

    def _assign(self) -> bool:
        try:  # list all topics: a request for one by name could create it
            found = self._consumer.list_topics(timeout=METADATA_TIMEOUT_SECONDS).topics.get(self._topic)
        except KafkaException as error:
            log.debug("Kafka does not respond", error=str(error))
            return False
        if not found:
            return False
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in found.partitions])
        self._unread = set(found.partitions)
        return True

    def _handle(self, messages: list[Message]) -> None:
        with self._lock:
            for message in messages:
                error = message.error()
                if error is None:
                    self._store(message)
                elif error.code() == KafkaError._PARTITION_EOF and self._unread:
                    self._unread.discard(message.partition())

    def _store(self, message: Message) -> None:
        key, value, partition = message.key(), message.value(), message.partition()
        if key is None or value is None or partition is None:
            return
        try:
            match msgspec.json.decode(key):
                case [str(kind), self._spool, int(minute_ms), str(source)] if kind in (ACCOUNT, DELETED):
                    counts = msgspec.json.decode(value, type=Counts)
                    self._values.setdefault((minute_ms, source), {})[kind, partition] = counts
                    self._changed[minute_ms, source] = None
        except ValueError as error:  # msgspec's errors are ValueErrors
            log.warning("not a valid account", topic=self._topic, partition=partition, offset=message.offset(), error=str(error))


def _sum(values: dict[tuple[str, int], Counts]) -> Counts:
    total: Counts = {}
    for counts in values.values():
        add_counts(total, counts)
    return total
