"""A topic of latest values and the delivery of a few messages, over librdkafka's in-process broker."""

from pathlib import Path

import pytest
from support.topics.kafka import PRODUCE, MockKafka, read_topic, write_topic

from topics.kafka.compacted import CompactedTopic
from topics.kafka.delivery import deliver
from topics.kafka.transactions import Fetched, Output, TransactionFailed

TOPIC_AUTHORIZATION_FAILED = 29


def write(kafka: MockKafka, *values: tuple[bytes, bytes | None]) -> None:
    for key, value in values:
        write_topic(kafka.settings, "dead-letters", key, value)


def key_and_value(found: Fetched) -> tuple[bytes | None, bytes | None]:
    return found.key, found.value


def test_of_each_key_the_latest_value_counts_and_a_tombstone_ends_it(kafka: MockKafka) -> None:
    write(kafka, (b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"a", b"2"), (b"b", None), (b"d", b""))
    assert list(map(key_and_value, CompactedTopic(kafka.settings, "dead-letters").values())) == [(b"c", b"1"), (b"a", b"2"), (b"d", b"")]


def test_news_are_what_came_since_the_values_were_read(kafka: MockKafka) -> None:
    write(kafka, (b"a", b"1"))
    topic = CompactedTopic(kafka.settings, "dead-letters")
    assert list(map(key_and_value, topic.values())) == [(b"a", b"1")]
    write(kafka, (b"a", None), (b"b", b"1"))
    assert list(map(key_and_value, topic.changes(1.0))) == [(b"a", None), (b"b", b"1")]


def outputs(kafka: MockKafka, count: int) -> list[Output]:
    return [Output(kafka.settings.topic("avro"), 3, b"key", str(number).encode(), [("n", b"1")]) for number in range(count)]


def test_all_is_delivered_in_order_also_where_the_client_holds_little(kafka: MockKafka, tmp_path: Path) -> None:
    (tmp_path / "client").write_text("queue.buffering.max.messages=2\n")
    deliver(kafka.settings.model_copy(update={"client_file": tmp_path / "client"}), outputs(kafka, 20))
    found = read_topic(kafka.settings, "avro")
    assert [(message.partition(), message.value()) for message in found] == [(3, str(number).encode()) for number in range(20)]


def test_an_error_of_kafka_is_reported(kafka: MockKafka) -> None:
    kafka.fail(PRODUCE, TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(TransactionFailed, match=r"Kafka did not accept all messages: .*uthorization"):
        deliver(kafka.settings, outputs(kafka, 1))
