"""Reads partitions as one of a group and commits what follows from them together with how far was read: one Kafka transaction.

What is known to go wrong with transactions (a commit that arrives late and ends a later transaction, KIP-890) is met in one way: after any
failure nothing of the client is used again. `close` it, open a new one, and begin at the committed offsets.
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

START_SECONDS: Final = 30.0  # for the coordinator to end what an earlier producer of the same name left open
COMMIT_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 2.5 * COMMIT_SECONDS  # offsets, commit, abort
CLOSE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 5.0
COMMITTED_SECONDS: Final = 30.0
QUIET_SECONDS: Final = 10.0  # without a message or an end, a partition that is being read counts as unreachable
AT_ONCE: Final = 10_000
FROM_BEGINNING: Final = -2  # Kafka's own code for the earliest offset

Result = TypeVar("Result")


class TransactionFailed(TopicError):
    """Whether the transaction was committed is not known, or it was not; a new client finds out."""


class ClientStuck(TopicError):
    """The client does not come back from a call; the process has to end and begin again."""


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """A message as it was read; a tombstone has no value."""

    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970, the broker's or the producer's clock, as the topic says
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Output(msgspec.Struct, frozen=True, gc=False):
    """A message to write."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []


_ENDING: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED, KafkaError._FATAL})


class Transactions:
    """One member of a consumer group with its transactional producer; for one thread.

    `on_assigned(offsets)` is called from within `fetch` with the committed offset of each partition that is now ours, FROM_BEGINNING where
    there is none; when it returns, all that their messages need must be at hand. The partitions of before are gone then.
    """

    def __init__(self, consumer: Consumer, producer: Producer, topic: str, on_assigned: Callable[[dict[int, int]], None]) -> None:
        self._consumer, self._producer, self._topic, self._on_assigned = consumer, producer, topic, on_assigned
        self._failure: BaseException | None = None
        self._is_stuck = False

    @classmethod
    def open(cls, settings: KafkaSettings, *, topic: str, group: str, instance: str, on_assigned: Callable[[dict[int, int]], None]) -> Self:
        """Join the group as this instance, which ends what an earlier one of that name left open; raises TransactionFailed."""
        producer = Producer(
            settings.client()
            | {
                "transactional.id": f"{group}-{instance}",
                "transaction.timeout.ms": 15_000,
                "compression.type": "lz4",
                "linger.ms": 1,  # a commit flushes anyway
                # A transaction that follows at once is refused until the one before is written down everywhere. With the client's own
                # 100 ms before it asks again, that wait was most of the time from an event to its row.
                "retry.backoff.ms": 5,
                # Else, when no broker can be reached, the client forgets them all but for the coordinator it has in mind: once Kafka is
                # back, send_offsets_to_transaction waits for that one without end, whatever its time limit.
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
                "partition.assignment.strategy": "range",  # all partitions at once: what stays is recognised by its offset
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
            raise TransactionFailed(f"{instance} cannot begin to read {topic}: {error}") from error
        return self

    def fetch(self, most: int, wait_seconds: float) -> list[Fetched]:
        """Give messages of our partitions, those of each in order; waits for the first one only. Raises TransactionFailed."""
        try:
            first = self._consumer.poll(wait_seconds)
            found = [] if first is None else [first, *self._consumer.consume(most - 1, 0)] if most > 1 else [first]
        except KafkaException as error:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}") from error
        if self._failure is not None:
            raise TransactionFailed(f"partitions of {self._topic} cannot be taken over: {self._failure}") from self._failure
        return [fetched(message) for message in found if not self._is_error(message)]

    def commit(self, outputs: Iterable[Output], offsets: Mapping[int, int]) -> None:
        """Write all outputs and the next offset of each partition, as one; raises TransactionFailed: then use nothing of this again.

        Raises ClientStuck when the client does not come back: it has no bound of its own where the group's coordinator goes away just then
        (librdkafka's issues 5456 and 5511).
        """
        if (failure := self._within(STUCK_SECONDS, lambda: self._commit(outputs, offsets), "ended a transaction")) is not None:
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
        """Give where each of our partitions ended when the broker last told."""
        ends = {}
        for place in self._consumer.assignment():
            with suppress(KafkaException):
                _, end = self._consumer.get_watermark_offsets(place, cached=True)
                ends[place.partition] = end
        return ends

    def unread(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Ask the brokers for the end of each of our partitions, and return those beyond these offsets; raises TransactionFailed.

        A client can fall silent though its brokers answer (librdkafka's issues 3082 and 5301): nothing that it says by itself shows that.
        """
        unread = {}
        try:
            for place in self._consumer.assignment():
                _, end = self._consumer.get_watermark_offsets(place, ANSWER_SECONDS)
                if end > offsets.get(place.partition, 0):
                    unread[place.partition] = end
        except KafkaException as error:
            raise TransactionFailed(f"Kafka does not say where {self._topic} ends: {error}") from error
        return unread

    def close(self) -> None:
        """Leave; what is not committed did not happen. A static member keeps its partitions until its session ends or it comes back.

        Raises ClientStuck as `commit` does: the client ends the transaction that is open, and waits for its coordinator without end.
        """
        if self._is_stuck:  # it never comes back: it ends with the process
            with suppress(KafkaException, RuntimeError):
                self._consumer.close()
            return
        self._within(CLOSE_SECONDS, self._close_consumer, "closed its consumer")
        self._within(CLOSE_SECONDS, self._close_producer, "closed its producer")

    def _close_consumer(self) -> None:
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _close_producer(self) -> None:
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.close()

    def _within(self, seconds: float, act: Callable[[], Result], done: str) -> Result:
        """Do what may never come back, in a thread of its own; raises ClientStuck when it does not within the time."""
        ended: SimpleQueue[Result] = SimpleQueue()
        threading.Thread(target=lambda: ended.put(act()), name="transaction", daemon=True).start()
        try:
            return ended.get(timeout=seconds)
        except Empty:
            self._is_stuck = True
            raise ClientStuck(f"the Kafka client has not {done} over {self._topic} within {seconds:.0f} s") from None

    def _abort(self) -> None:
        with suppress(KafkaException):
            self._producer.abort_transaction(COMMIT_SECONDS / 4)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take over partitions at their committed offsets; an open transaction of whoever had them is waited for (KIP-447)."""
        try:
            places = consumer.committed(partitions, COMMITTED_SECONDS)
            if error := next((place.error for place in places if place.error), None):
                raise KafkaException(error)
            offsets = {place.partition: place.offset if place.offset >= 0 else FROM_BEGINNING for place in places}
            self._on_assigned(offsets)
            consumer.assign([TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()])
        except (KafkaException, TopicError) as error:  # an exception must not go through the client's C code
            self._failure = error

    def _is_error(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        # A fatal error that comes as a message does not say so itself: `fatal()` of it is false.
        if error.fatal() or error.code() in _ENDING:
            raise TransactionFailed(f"{self._topic} cannot be read: {error}")
        log.warning("kafka", error=str(error))
        return True


def read_partition(settings: KafkaSettings, topic: str, partition: int, since: int | None = None) -> Iterable[Fetched]:
    """Give all committed messages of a partition, or those from an instant on (milliseconds since 1970), up to its end now.

    Raises TransactionFailed when the broker does not answer.
    """
    consumer = committed_consumer(settings, topic)
    try:
        consumer.assign([_start(consumer, TopicPartition(topic, partition), since)])
        while True:
            for message in _some(consumer):
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
    """Ask where to begin: a client that knows the partition's leader reads at once, another one looks for it half a second later."""
    if since is None:
        beginning, _ = consumer.get_watermark_offsets(place, QUIET_SECONDS)
        return TopicPartition(place.topic, place.partition, beginning)
    (start,) = consumer.offsets_for_times([TopicPartition(place.topic, place.partition, since)], QUIET_SECONDS)
    return start


def committed_consumer(settings: KafkaSettings, topic: str) -> Consumer:
    """Give a consumer of no group that sees committed messages only, and is told of the end."""
    return Consumer(
        settings.client()
        | {
            "group.id": f"{topic}-reading",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # at the end nothing more is waited for
            "fetch.queue.backoff.ms": 10,
        },
        logger=CLIENT_LOG,
    )


def _some(consumer: Consumer) -> list[Message]:
    first = consumer.poll(QUIET_SECONDS)
    if first is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    return [first, *consumer.consume(AT_ONCE, 0)]


def fetched(message: Message) -> Fetched:
    """Take what we need of a client's message."""
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
