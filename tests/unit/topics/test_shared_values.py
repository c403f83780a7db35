"""Values that processes share: a failed read loses no value, and the next one has a fresh consumer."""

import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from topics.kafka import shared_values, transactions
from topics.kafka.settings import KafkaSettings
from topics.kafka.shared_values import SharedValues
from topics.kafka.transactions import ClientStuck, TransactionFailed

END = 3  # of the topic


class StoredMessage:
    """A message as the client returns it, or an error in its place."""

    def __init__(self, offset: int, error: KafkaError | None = None) -> None:
        self._offset, self._error = offset, error

    def error(self) -> KafkaError | None:
        return self._error

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def key(self) -> bytes:
        return b"day"

    def value(self) -> bytes:
        return b"%d" % self._offset

    def headers(self) -> None:
        return None


class Broker:
    """A topic of three messages, and a consumer whose queue holds errors of a broker that restarted."""

    def __init__(self) -> None:
        self.errors_after: list[int] = []
        self.consumers = 0
        self.lets_close = threading.Event()
        self.lets_close.set()

    def consumer(self, *_arguments: Any, **_options: Any) -> "QueueingConsumer":
        self.consumers += 1
        return QueueingConsumer(self)


class QueueingConsumer:
    """Reads the topic from where it was assigned; errors that came while it was alive are returned one by one."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._next = broker, 0

    def assign(self, places: list[TopicPartition]) -> None:
        self._next = max(0, places[0].offset)

    def get_watermark_offsets(self, *_arguments: Any, **_options: Any) -> tuple[int, int]:
        return 0, END

    def poll(self, _seconds: float) -> StoredMessage:
        if self._next in self._broker.errors_after:
            return StoredMessage(0, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        self._next += 1
        return StoredMessage(self._next - 1)

    def close(self) -> None:
        self._broker.lets_close.wait()
        self._broker.errors_after.clear()


class NoProducer:
    def close(self) -> None: ...


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(shared_values, "Consumer", made.consumer)
    monkeypatch.setattr(shared_values, "delivering_producer", lambda *_: NoProducer())
    return made


def test_a_read_after_a_failed_one_returns_every_value_with_a_fresh_consumer(broker: Broker) -> None:
    broker.errors_after.append(1)
    values = SharedValues(KafkaSettings(), "salts")
    with pytest.raises(TransactionFailed, match="clickstream-salts cannot be read"):
        values.read()
    assert [found.value for found in values.read()] == [b"0", b"1", b"2"]
    assert broker.consumers == 2
    assert values.read() == []
    values.close()


def test_a_consumer_that_does_not_close_after_a_failure_ends_the_wait(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "CLOSE_SECONDS", 0.05)
    broker.errors_after.append(1)
    broker.lets_close.clear()
    with pytest.raises(ClientStuck, match="closed its consumer over clickstream-salts within"):
        SharedValues(KafkaSettings(), "salts").read()
    broker.lets_close.set()
