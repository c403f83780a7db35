"""librdkafka's in-process broker: a small Kafka without a process, with errors, silence and outages on request.

It makes a topic on its first use but not when asked to, knows nothing of retention, and forgets everything with its client.
"""

import ctypes
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from topics.kafka.messages import ORIGIN
from topics.kafka.settings import KafkaSettings
from topics.kafka.topic_specs import topic_specs
from topics.topic import Entry

PRODUCE: Final = 0  # the API key of Kafka's protocol
INIT_PRODUCER_ID: Final = 22
BROKER: Final = 1

_groups = itertools.count()


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    return ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))


class MockKafka:
    """One broker with our topics. The client does not offer all that the broker can; librdkafka is asked for it by ctypes."""

    def __init__(self, prefix: str = "clickstream") -> None:
        self._client = Producer({"bootstrap.servers": "in-process", "test.mock.num.brokers": 1, "log_level": 0})
        self._library = _library()
        handle = ctypes.c_void_p.from_address(id(self._client) + object.__basicsize__)  # the first field of the client's object
        self._library.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_handle_mock_cluster(handle))
        self._library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers, prefix=prefix)

    def make_topics(self, *, partitions: int | None = None) -> None:
        """Create the topics of topics.toml, with its number of partitions or the given one."""
        for one in topic_specs(self.settings):
            self.make_topic(one.topic, partitions or one.partitions)

    def make_topic(self, topic: str, partitions: int = 1) -> None:
        """Make one topic."""
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def fail(self, request: int, *codes: int) -> None:
        """Answer the next requests of this kind with these errors, one each."""
        errors = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(codes)), errors)

    def delay(self, milliseconds: int) -> None:
        """Delay all responses; a very long delay is a frozen broker."""
        self._library.rd_kafka_mock_broker_set_rtt(self._cluster, ctypes.c_int32(BROKER), milliseconds)

    def stop(self) -> None:
        """Take the broker off the network."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(BROKER))

    def start(self) -> None:
        """Bring it back with all it had."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(BROKER))

    def close(self) -> None:
        self._client.close()


@contextmanager
def a_kafka(*, with_topics: bool = True) -> Iterator[MockKafka]:
    """Run an in-process broker."""
    kafka = MockKafka()
    try:
        if with_topics:
            kafka.make_topics()
        yield kafka
    finally:
        kafka.close()


def read_topic(settings: KafkaSettings, name: str, *, within_seconds: float = 10) -> list[Message]:
    """Return all committed messages of a topic, each partition in order."""
    config = {"group.id": f"test-{next(_groups)}", "enable.partition.eof": True, "isolation.level": "read_committed"}
    consumer = Consumer({**settings.client(), **config, "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(settings.topic(name), timeout=within_seconds).topics[settings.topic(name)].partitions
        consumer.assign([TopicPartition(settings.topic(name), number, OFFSET_BEGINNING) for number in partitions])
        found, open_ones, deadline = [], set(partitions), time.monotonic() + within_seconds
        while open_ones:
            assert time.monotonic() < deadline, f"{settings.topic(name)} not read to its end within {within_seconds} s"
            for message in consumer.consume(1000, 0.1):
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error.str()
                    open_ones.discard(message.partition() or 0)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        consumer.close()


def header(message: Message, name: str) -> bytes:
    """Return a header of a message."""
    value = dict(message.headers() or [])[name]
    assert isinstance(value, bytes)
    return value


def origin(message: Message) -> tuple[bytes, int, int]:
    """Return the spool id, the position in the spool and the time of arrival of a record."""
    spool, position, received_at = ORIGIN.unpack(header(message, "origin"))
    return spool, position, received_at


def write_topic(settings: KafkaSettings, name: str, key: bytes, value: bytes | None, *, partition: int = 0) -> None:
    """Write one message to one of our topics."""
    producer = Producer(settings.client())
    producer.produce(settings.topic(name), value, key, partition)
    assert producer.flush(10) == 0
    producer.close()


def positions_by_partition(found: Iterable[Message]) -> dict[int, list[int]]:
    """Return the spool positions of the records of each partition, in order."""
    places: dict[int, list[int]] = {}
    for message in found:
        places.setdefault(message.partition() or 0, []).append(origin(message)[1])
    return places


def assert_in_order(entries: Iterable[Entry], found: Sequence[Message]) -> None:
    """Check that no entry is missing or skipped, for a converter that drops positions which do not increase."""
    partition_of = {message.key(): message.partition() or 0 for message in found}
    wanted: dict[int, list[int]] = {}
    for entry in entries:
        wanted.setdefault(partition_of[entry.message.key], []).append(entry.position)
    kept = {number: _beyond_all_before(places) for number, places in positions_by_partition(found).items()}
    assert {number: len(places) for number, places in kept.items()} == {number: len(places) for number, places in wanted.items()}
    assert kept == wanted


def _beyond_all_before(positions: list[int]) -> list[int]:
    kept: list[int] = []
    for position in positions:
        if not kept or position > kept[-1]:
            kept.append(position)
    return kept
