"""What the converters account for a spool, read from the ledger on Kafka as they commit it."""

import threading
from typing import Final

import msgspec
import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from topics.accounts import ACCOUNT, DELETED, Accounts, Counts
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.ledger import Minute

LOOK_SECONDS = 0.25
REACHED_SECONDS = 2.0
AT_ONCE = 1000

FOLLOWER: Final = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "queued.max.messages.kbytes": 4096,
}

log = structlog.get_logger("ledger")


class LedgerFeed:
    """Follows the ledger in a thread. Each partition has its own converter, so the latest values of all partitions are added up."""

    def __init__(self, settings: KafkaSettings, spool: bytes) -> None:
        self._topic, self._spool = settings.topic("ledger"), spool.hex()
        # A group only because a consumer must name one: it joins none and commits nothing.
        config = {**settings.client(), **FOLLOWER, "group.id": f"{settings.prefix}-forwarder"}
        self._consumer = Consumer(config, logger=CLIENT_LOG)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._values: dict[Minute, dict[tuple[str, int], Counts]] = {}  # by kind and partition
        self._changed: dict[Minute, None] = {}
        self._ahead: set[int] | None = None  # partitions whose past is not read yet; None before they are known
        self._thread = threading.Thread(target=self._run, name="ledger feed", daemon=True)
        self._thread.start()

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was there at the start has been read: before that, older values would be told again."""
        return self._ahead is not None and not self._ahead

    def take_news(self, oldest_minute: int) -> Accounts:
        """Give the sums of the minutes that changed since the last call; forget those before `oldest_minute`."""
        if not self.is_caught_up or not self._changed:
            return {}
        with self._lock:
            self._values = {minute: values for minute, values in self._values.items() if minute[0] >= oldest_minute}
            news = {minute: _sum(self._values[minute]) for minute in self._changed if minute in self._values}
            self._changed.clear()
        return news

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(REACHED_SECONDS * 2)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self._assign():
                self._stop.wait(LOOK_SECONDS)
            while not self._stop.is_set():
                self._take(self._consumer.consume(AT_ONCE, LOOK_SECONDS))
        finally:
            self._consumer.close()

    def _assign(self) -> bool:
        try:  # all topics are asked for: a question for one by its name could make it
            found = self._consumer.list_topics(timeout=REACHED_SECONDS).topics.get(self._topic)
        except KafkaException as error:
            log.debug("Kafka does not answer", error=str(error))
            return False
        if not found:
            return False
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in found.partitions])
        self._ahead = set(found.partitions)
        return True

    def _take(self, messages: list[Message]) -> None:
        with self._lock:
            for message in messages:
                error = message.error()
                if error is None:
                    self._note(message)
                elif error.code() == KafkaError._PARTITION_EOF and self._ahead:
                    self._ahead.discard(message.partition())

    def _note(self, message: Message) -> None:
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
            log.warning("not an account", topic=self._topic, partition=partition, offset=message.offset(), error=str(error))


def _sum(values: dict[tuple[str, int], Counts]) -> Counts:
    total: Counts = {}
    for counts in values.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total
