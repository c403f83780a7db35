"""A small topic of one partition that several processes agree over: whoever wrote first, all read the same order."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import FROM_BEGINNING, Fetched, TransactionFailed, fetched

SECONDS: Final = 20.0


class SharedValues:
    """Appends values and reads all that anybody appended, in the one order; raises TransactionFailed when the broker does not answer."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._topic = settings.topic(name)
        self._producer = Producer(
            settings.client() | {"enable.idempotence": True, "acks": "all", "delivery.timeout.ms": int(SECONDS * 1000)}
        )
        self._consumer = Consumer(
            settings.client() | {"group.id": f"{self._topic}-reading", "enable.auto.commit": False, "fetch.queue.backoff.ms": 10}
        )
        self._consumer.assign([TopicPartition(self._topic, 0, FROM_BEGINNING)])
        self._next = 0

    def append(self, values: Sequence[tuple[bytes, bytes]]) -> None:
        """Write keys and values; on return they are with the broker."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        for key, value in values:
            self._producer.produce(self._topic, value, key, 0, on_delivery=delivered)
        if self._producer.flush(SECONDS) or failures:
            raise TransactionFailed(f"{self._topic} cannot be written: {failures[0] if failures else 'the broker does not answer'}")

    def read(self) -> list[Fetched]:
        """Give what came since the last call, up to the end now."""
        found: list[Fetched] = []
        try:
            start, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, 0), SECONDS, cached=False)
            self._next = max(self._next, start)
            while self._next < end:
                message = self._consumer.poll(SECONDS)
                if message is None:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                if error := message.error():
                    raise KafkaException(error)
                found.append(fetched(message))
                self._next = found[-1].offset + 1
        except KafkaException as error:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        return found

    def close(self) -> None:
        self._consumer.close()
