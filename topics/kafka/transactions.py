"""Consume partitions as a member of a group, and commit outputs and offsets in one Kafka transaction.

Transactions have a known flaw: a late commit can end a later transaction (KIP-890). So after any failure the client is never used again:
`close` it, open a new one, and start at the committed offsets.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, Self, TypeVar

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from topics.kafka.messages import Headers
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.topic import TopicError

log = structlog.get_logger("kafka")

START_SECONDS: Final = 30.0  # for the coordinator to end the transaction that a previous producer of this name left open
COMMIT_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 2.5 * COMMIT_SECONDS  # offsets, commit, abort
CLOSE_SECONDS: Final = 10.0
ENDS_SECONDS: Final = 5.0
OFFSETS_SECONDS: Final = 30.0
QUIET_SECONDS: Final = 10.0  # a partition without a message or its end counts as unreachable
MAX_CONSUMED: Final = 10_000
FROM_BEGINNING: Final = -2  # Kafka's own code for the earliest offset

Result = TypeVar("Result")


class TransactionFailed(TopicError):
    """The transaction was not committed, or its result is unknown; a new client finds out."""


class ClientStuck(TopicError):
    """A call of the client never returns; the process must exit and restart."""


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """A consumed message; a tombstone has no value."""

    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970, by the broker's or the producer's clock, depending on the topic
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Output(msgspec.Struct, frozen=True, gc=False):
    """A message to produce."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []


_ENDING: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED, KafkaError._FATAL})


class Transactions:
    """One member of a consumer group with its transactional producer; for one thread.

    `fetch` calls `on_assigned(offsets)` with the committed offset of each assigned partition, or FROM_BEGINNING. The callback must prepare
    the state of these partitions. Partitions that were assigned before are revoked.
    """

    def __init__(self, consumer: Consumer, producer: Producer, topic: str, on_assigned: Callable[[dict[int, int]], None]) -> None:
        self._consumer, self._producer, self._topic, self._on_assigned = consumer, producer, topic, on_assigned
        self._failure: BaseException | None = None
        self._is_producer_stuck = False

    @classmethod
    def open(cls, settings: KafkaSettings, *, topic: str, group: str, instance: str, on_assigned: Callable[[dict[int, int]], None]) -> Self:
        """Join the group as this instance, and end the transaction that a previous one left open; raises TransactionFailed."""
        producer = Producer(
            settings.client()
            | {
                "transactional.id": f"{group}-{instance}",
                "transaction.timeout.ms": 15_000,
                "compression.type": "lz4",
                "linger.ms": 1,  # a commit flushes anyway
                # A transaction is rejected until the previous one is complete on all brokers. With the client's default backoff of
                # 100 ms, this wait was most of the time from an event to its row.
                "retry.backoff.ms": 5,
                # Otherwise an unreachable client forgets all brokers except the coordinator that it has cached. Once Kafka is back,
                # send_offsets_to_transaction waits for that coordinator forever, whatever its timeout.
                "metadata.recovery.strategy": "none",
                "queue.buffering.max.messages": 200_000,
            },
            logger=CLIENT_LOG,
        )
        consumer = Consumer(
            settings.client()
            | {
                "group.id": group,
                "group.instance.id": f"{group}-{instance}",  # a restart takes its partitions back at once
                "session.timeout.ms": 10_000,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "range",  # all partitions at once; an unchanged one is recognized by its offset
                "fetch.queue.backoff.ms": 10,
                "queued.max.messages.kbytes": 16_384,
            },
            logger=CLIENT_LOG,
        )
        self = cls(consumer, producer, topic, on_assigned)
        try:
            producer.init_transactions(START_SECONDS)
            consumer.subscribe([topic], on_assign=self._assigned)
        except KafkaException as error:
            self.close()
            raise TransactionFailed(f"{instance} cannot start to read {topic}: {error}") from error
        return self

    def fetch(self, max_messages: int, wait_seconds: float) -> list[Fetched]:
        """Return messages of the assigned partitions, in order within each; wait for the first only. Raises TransactionFailed."""
        try:
            first = self._consumer.poll(wait_seconds)
            found = [] if first is None else [first, *self._consumer.consume(max_messages - 1, 0)] if max_messages > 1 else [first]
        except KafkaException as error:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        if self._failure is not None:
            raise TransactionFailed(f"partitions of {self._topic} cannot be assigned: {self._failure}") from self._failure
        return [fetched(message) for message in found if not self._is_error(message)]

    def commit(self, outputs: Iterable[Output], offsets: Mapping[int, int]) -> None:
        """Commit the outputs and the next offset of each partition. Raises TransactionFailed; then only `close` may be called.

        1. Begin a transaction.
        2. Produce the outputs.
        3. Add the offsets, under the current membership of the group.
        4. Commit. If a step fails, abort.

        Raises ClientStuck if the client does not return: its calls have no timeout if the group's coordinator disappears in the middle
        (librdkafka's issues 5456 and 5511).
        """
        try:
            failure = within(STUCK_SECONDS, lambda: self._commit(outputs, offsets), f"ended a transaction over {self._topic}")
        except ClientStuck:
            self._is_producer_stuck = True
            raise
        if failure is not None:
            raise failure

    def _commit(self, outputs: Iterable[Output], offsets: Mapping[int, int]) -> TransactionFailed | None:
        produce = self._producer.produce
        try:
            self._producer.begin_transaction()
            for output in outputs:
                produce(output.topic, output.value, output.key, output.partition, headers=output.headers)
            positions = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
            self._producer.send_offsets_to_transaction(positions, self._consumer.consumer_group_metadata(), COMMIT_SECONDS)
            self._producer.commit_transaction(COMMIT_SECONDS)
        except (KafkaException, BufferError) as error:
            self._abort()
            return TransactionFailed(f"a transaction over {self._topic} was not committed: {error}")
        return None

    def ends(self) -> dict[int, int]:
        """Return the last known end of each assigned partition."""
        ends = {}
        for place in self._consumer.assignment():
            with suppress(KafkaException):
                _, end = self._consumer.get_watermark_offsets(place, cached=True)
                ends[place.partition] = end
        return ends

    def unread(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Query the end of each assigned partition, and return the ends beyond these offsets; raises TransactionFailed.

        A client can fall silent although its brokers respond (librdkafka's issues 3082 and 5301), and reports no error then.
        """
        unread = {}
        try:
            for place in self._consumer.assignment():
                _, end = self._consumer.get_watermark_offsets(place, ENDS_SECONDS)
                if end > offsets.get(place.partition, 0):
                    unread[place.partition] = end
        except KafkaException as error:
            raise TransactionFailed(f"Kafka does not return the ends of {self._topic}: {error}") from error
        return unread

    def close(self) -> None:
        """Leave the group; uncommitted work is discarded. A static member keeps its partitions until its session ends or it returns.

        Raises ClientStuck like `commit`: the client aborts the open transaction, and may wait for its coordinator forever.
        """
        close_consumer(self._consumer, self._topic)
        if not self._is_producer_stuck:  # otherwise it ends with the process
            within(CLOSE_SECONDS, self._close_producer, f"closed its producer over {self._topic}")

    def _close_producer(self) -> None:
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.close()

    def _abort(self) -> None:
        with suppress(KafkaException):
            self._producer.abort_transaction(COMMIT_SECONDS / 4)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Assign partitions at their committed offsets; wait for an open transaction of their previous owner (KIP-447)."""
        try:
            places = consumer.committed(partitions, OFFSETS_SECONDS)
            if error := next((place.error for place in places if place.error), None):
                raise KafkaException(error)
            offsets = {place.partition: place.offset if place.offset >= 0 else FROM_BEGINNING for place in places}
            self._on_assigned(offsets)
            consumer.assign([TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()])
        except (KafkaException, TopicError) as error:  # an exception must not pass through the client's C code
            self._failure = error

    def _is_error(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        # A fatal error that comes as a message does not say so: its `fatal()` is false.
        if error.fatal() or error.code() in _ENDING:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}")
        log.warning("kafka", error=str(error))
        return True


def within(seconds: float, call: Callable[[], Result], done: str) -> Result:
    """Run a call of a client that may never return in a separate thread; raises ClientStuck if it takes too long."""
    results: SimpleQueue[Result] = SimpleQueue()
    threading.Thread(target=lambda: results.put(call()), name="kafka client", daemon=True).start()
    try:
        return results.get(timeout=seconds)
    except Empty:
        raise ClientStuck(f"the Kafka client has not {done} within {seconds:.0f} s") from None


def close_consumer(consumer: Consumer, topic: str) -> None:
    """Close a consumer, whatever its state; raises ClientStuck."""

    def close() -> None:
        with suppress(KafkaException, RuntimeError):
            consumer.close()

    within(CLOSE_SECONDS, close, f"closed its consumer over {topic}")


def read_partition(settings: KafkaSettings, topic: str, partition: int, since: int | None = None) -> Iterable[Fetched]:
    """Yield all committed messages of a partition, or those since an instant (milliseconds since 1970), up to its current end.

    Raises TransactionFailed if the broker does not respond.
    """
    consumer = committed_consumer(settings, topic)
    try:
        consumer.assign([_start(consumer, TopicPartition(topic, partition), since)])
        while True:
            for message in _next_messages(consumer):
                error = message.error()
                if error is None:
                    yield fetched(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                else:
                    raise TransactionFailed(f"{topic}, partition {partition}, cannot be read: {error}")
    except KafkaException as error:
        raise TransactionFailed(f"{topic}, partition {partition}, cannot be read: {error}") from error
    finally:
        consumer.close()


def _start(consumer: Consumer, place: TopicPartition, since: int | None) -> TopicPartition:
    """Query the offset to start at; this also finds the partition's leader, which otherwise takes half a second more."""
    if since is None:
        beginning, _ = consumer.get_watermark_offsets(place, QUIET_SECONDS)
        return TopicPartition(place.topic, place.partition, beginning)
    (start,) = consumer.offsets_for_times([TopicPartition(place.topic, place.partition, since)], QUIET_SECONDS)
    return start


def committed_consumer(settings: KafkaSettings, topic: str) -> Consumer:
    """Return a consumer outside of any group that sees committed messages only, and reports the end of a partition."""
    return Consumer(
        settings.client()
        | {
            "group.id": f"{topic}-reading",  # librdkafka requires a name; nothing is committed under it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # do not wait for more at the end
            "fetch.queue.backoff.ms": 10,
        },
        logger=CLIENT_LOG,
    )


def _next_messages(consumer: Consumer) -> list[Message]:
    first = consumer.poll(QUIET_SECONDS)
    if first is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    return [first, *consumer.consume(MAX_CONSUMED, 0)]


def fetched(message: Message) -> Fetched:
    """Convert a message of the client."""
    found: Any = message.headers()
    headers = {name: value or b"" for name, value in found} if found else {}
    return Fetched(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers,
    )
