"""Sends messages and waits until the broker has them: for who sends a few and then looks what became of them."""

from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.kafka.transactions import Output, TransactionFailed

SECONDS: Final = 30.0
ROOM_SECONDS: Final = 0.1


def deliver(settings: KafkaSettings, outputs: Iterable[Output]) -> None:
    """Have all outputs delivered, those of a partition in order; raises TransactionFailed, and then some of them may be."""
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    config = {**settings.client(), "acks": "all", "enable.idempotence": True, "delivery.timeout.ms": int(SECONDS * 1000)}
    producer = Producer(config, logger=CLIENT_LOG)
    for output in outputs:
        _hand_over(producer, output, delivered)
        producer.poll(0)
        if failures:
            break
    undelivered = producer.flush(SECONDS)
    if failures or undelivered:
        raise TransactionFailed(f"Kafka did not take all messages: {failures[0] if failures else 'the broker does not answer'}")


def _hand_over(producer: Producer, output: Output, delivered: Callable[[KafkaError | None, Message], None]) -> None:
    while True:
        try:
            producer.produce(output.topic, output.value, output.key, output.partition, delivered, headers=output.headers)
        except BufferError:
            producer.poll(ROOM_SECONDS)
        else:
            return
