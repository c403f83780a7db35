"""Sends a few messages and waits until the broker has them."""

from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.kafka.transactions import Output, TransactionFailed

TIMEOUT_SECONDS: Final = 30.0
FULL_SECONDS: Final = 0.1  # between attempts while the client's buffer is full


def deliver(settings: KafkaSettings, outputs: Iterable[Output]) -> None:
    """Deliver all outputs with a producer of their own; raises TransactionFailed."""
    deliver_by(delivering_producer(settings, TIMEOUT_SECONDS), outputs, TIMEOUT_SECONDS)


def delivering_producer(settings: KafkaSettings, timeout_seconds: float) -> Producer:
    """Create a producer for `deliver_by`."""
    config = {**settings.client(), "acks": "all", "enable.idempotence": True, "delivery.timeout.ms": int(timeout_seconds * 1000)}
    return Producer(config, logger=CLIENT_LOG)


def deliver_by(producer: Producer, outputs: Iterable[Output], timeout_seconds: float) -> None:
    """Deliver all outputs, in order within a partition; raises TransactionFailed, after which some may be delivered."""
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for output in outputs:
        _produce(producer, output, delivered)
        producer.poll(0)
        if failures:
            break
    undelivered = producer.flush(timeout_seconds)
    if failures or undelivered:
        raise TransactionFailed(f"Kafka did not accept all messages: {failures[0] if failures else 'the broker does not respond'}")


def _produce(producer: Producer, output: Output, delivered: Callable[[KafkaError | None, Message], None]) -> None:
    while True:
        try:
            producer.produce(output.topic, output.value, output.key, output.partition, delivered, headers=output.headers)
        except BufferError:
            producer.poll(FULL_SECONDS)
        else:
            return
