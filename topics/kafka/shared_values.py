"""A small topic of one partition through which processes agree: all of them read the values in the same order."""

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from topics.kafka.delivery import deliver_by, delivering_producer
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.kafka.transactions import FROM_BEGINNING, Fetched, Output, TransactionFailed, close_consumer, fetched

TIMEOUT_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 0.1
NO_LEADER_YET: Final = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)


class SharedValues:
    """Appends values and reads those of all processes.

    Raises TransactionFailed if the broker does not respond, and ClientStuck if the client does not.
    """

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings = settings
        self._topic = settings.topic(name)
        self._producer = delivering_producer(settings, TIMEOUT_SECONDS)
        self._next = 0
        self._consumer = self._new_consumer()

    def append(self, values: Sequence[tuple[bytes, bytes]]) -> None:
        """Write keys and values; on return the broker has them."""
        deliver_by(self._producer, (Output(self._topic, 0, key, value) for key, value in values), TIMEOUT_SECONDS)

    def read(self) -> list[Fetched]:
        """Return the values since the last call, up to the current end.

        A failure gets a fresh consumer: each request to a broker that restarted has left an error in the queue of the old one.
        """
        found: list[Fetched] = []
        first = self._next
        try:
            end = self._end()
            while self._next < end:
                message = self._consumer.poll(TIMEOUT_SECONDS)
                if message is None:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                if error := message.error():
                    raise KafkaException(error)
                found.append(fetched(message))
                self._next = found[-1].offset + 1
        except KafkaException as error:
            self._next = first
            failed, self._consumer = self._consumer, self._new_consumer()
            close_consumer(failed, self._topic)
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        return found

    def _new_consumer(self) -> Consumer:
        options = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.queue.backoff.ms": 10}
        consumer = Consumer(self._settings.client() | {"group.id": f"{self._topic}-reading"} | options, logger=CLIENT_LOG)
        consumer.assign([TopicPartition(self._topic, 0, self._next or FROM_BEGINNING)])
        return consumer

    def _end(self) -> int:
        """Return the end of the topic; retry while a topic that was just created has no leader."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                start, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, 0), TIMEOUT_SECONDS, cached=False)
            except KafkaException as error:
                if error.args[0].code() not in NO_LEADER_YET or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)  # no event to wait for
            else:
                self._next = max(self._next, start)
                return end

    def close(self) -> None:
        close_consumer(self._consumer, self._topic)
        self._producer.close()
