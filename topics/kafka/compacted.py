"""A compacted topic of one partition: the latest value of each key, and the messages that follow."""

from collections.abc import Generator, Iterator
from typing import Final

from confluent_kafka import KafkaException, TopicPartition

from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import MAX_CONSUMED, Fetched, TransactionFailed, committed_consumer, fetched, read_partition

POLL_SECONDS: Final = 0.5


class CompactedTopic:
    """Reads committed messages only; raises TransactionFailed if the broker does not respond."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings, self._topic = settings, settings.topic(name)
        self._end = 0

    def values(self) -> Iterator[Fetched]:
        """Yield the latest value of each key, oldest first, without keys that a tombstone deleted.

        The topic is read twice, so that memory holds keys and no values.
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

    def changes(self, quiet_seconds: float) -> Generator[Fetched]:
        """Yield the messages written since `values`, including tombstones, until none has come for `quiet_seconds`."""
        consumer = committed_consumer(self._settings, self._topic)
        silence = 0.0
        try:
            consumer.assign([TopicPartition(self._topic, 0, self._end)])
            while silence < quiet_seconds:
                silence += POLL_SECONDS
                for message in consumer.consume(MAX_CONSUMED, POLL_SECONDS):
                    if message.error() is None:  # the end of the partition comes as an error; after a real error, silence ends the loop
                        silence = 0.0
                        yield fetched(message)
        except KafkaException as error:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        finally:
            consumer.close()
