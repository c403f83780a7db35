"""Transactions, whatever the client does."""

import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError

from topics.kafka import transactions
from topics.kafka.transactions import ClientStuck, TransactionFailed, Transactions


class Client:
    """A consumer and a producer that never comes back from one call, as librdkafka's does where a coordinator goes away."""

    def __init__(self) -> None:
        self.comes_back = threading.Event()
        self.is_closed = False

    def begin_transaction(self) -> None: ...

    def consumer_group_metadata(self) -> None: ...

    def produce(self, *_: Any, **__: Any) -> None: ...

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.comes_back.wait()

    def commit_transaction(self, _: float) -> None: ...

    def close(self) -> None:
        self.is_closed = True


def test_a_client_that_does_not_come_back_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "STUCK_SECONDS", 0.05)
    consumer, producer = Client(), Client()
    transaction = Transactions(consumer, producer, "clickstream-avro", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(ClientStuck, match="clickstream-avro within"):
        transaction.commit([], {0: 1})
    transaction.close()
    assert (consumer.is_closed, producer.is_closed) == (True, False), "closing the producer would wait as well"
    producer.comes_back.set()


def test_a_producer_that_does_not_close_ends_the_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "CLOSE_SECONDS", 0.05)
    consumer, producer = Client(), Unclosing()
    transaction = Transactions(consumer, producer, "clickstream-avro", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(ClientStuck, match="closed its producer over clickstream-avro within"):
        transaction.close()
    assert consumer.is_closed
    producer.comes_back.set()


def test_a_consumer_that_does_not_close_ends_the_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "CLOSE_SECONDS", 0.05)
    consumer = Unclosing()
    transaction = Transactions(consumer, Client(), "clickstream-avro", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(ClientStuck, match="closed its consumer over clickstream-avro within"):
        transaction.close()
    consumer.comes_back.set()


def test_a_consumer_that_does_not_close_beside_a_stuck_producer_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "STUCK_SECONDS", 0.05)
    monkeypatch.setattr(transactions, "CLOSE_SECONDS", 0.05)
    consumer, producer = Unclosing(), Client()
    transaction = Transactions(consumer, producer, "clickstream-avro", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(ClientStuck, match="ended a transaction"):
        transaction.commit([], {0: 1})
    with pytest.raises(ClientStuck, match="closed its consumer"):
        transaction.close()
    assert not producer.is_closed
    consumer.comes_back.set()
    producer.comes_back.set()


class Unclosing(Client):
    """A producer with an open transaction, whose coordinator was away: librdkafka ends that transaction first, and never comes back."""

    def purge(self) -> None: ...

    def close(self) -> None:
        self.comes_back.wait()


class Fenced:
    """A consumer that another one has replaced, as librdkafka reports it: a message with an error that is not marked as fatal."""

    def poll(self, _: float) -> "Fenced":
        return self

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._FATAL, "Static consumer fenced by other consumer with same group.instance.id")


def test_a_member_whose_place_is_taken_starts_again() -> None:
    transaction = Transactions(Fenced(), Client(), "clickstream-avro", lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(TransactionFailed, match=r"cannot be read: .*fenced"):
        transaction.fetch(1, 0)
