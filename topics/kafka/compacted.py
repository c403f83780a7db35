"""A topic of which the latest value of each key counts, in one partition: what stands there now, and what comes next."""

from collections.abc import Generator, Iterator
from typing import Final

from confluent_kafka import KafkaException, TopicPartition

from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import AT_ONCE, Fetched, TransactionFailed, committed_consumer, fetched, read_partition

LOOK_SECONDS: Final = 0.5


class CompactedTopic:
    """Reads only what is committed; raises TransactionFailed when the broker does not answer."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings, self._topic = settings, settings.topic(name)
        self._end = 0

    def values(self) -> Iterator[Fetched]:
        """Give the latest value of each key, oldest first, without the keys that a tombstone ended.

        It is read twice, so that memory holds keys and no values.
        """
        latest: dict[bytes | None, int] = {}
        for found in read_partition(self._settings, self._topic, 0):
            self._end = found.offset + 1
            if found.value is None:
                latest.pop(found.key, None)
            else:
                latest[found.key] = found.offset
        if latest:
            yield from (found for found in read_partition(self._settings, self._topic, 0) if latest.get(found.key) == found.offset)

    def news(self, quiet_seconds: float) -> Generator[Fetched]:
        """Give what was written since `values` looked, as it comes, tombstones too, until nothing has come for so long."""
        consumer = committed_consumer(self._settings, self._topic)
        silence = 0.0
        try:
            consumer.assign([TopicPartition(self._topic, 0, self._end)])
            while silence < quiet_seconds:
                silence += LOOK_SECONDS
                for message in consumer.consume(AT_ONCE, LOOK_SECONDS):
                    if message.error() is None:  # the end is told as an error; after a real one the silence ends this
                        silence = 0.0
                        yield fetched(message)
        except KafkaException as error:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        finally:
            consumer.close()
