"""The forwarder against librdkafka's in-process broker: the content of the spool is on Kafka, and nothing is released before."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaError, Message
from support.ports import free_ports
from support.topics.forwarders import a_forwarder, end, outcome, released, wait_until_released
from support.topics.in_memory import MINUTE, a_message, a_rejection, fill, messages, read_entries
from support.topics.kafka import (
    PRODUCE,
    MockKafka,
    a_kafka,
    assert_in_order,
    header,
    origin,
    positions_by_partition,
    read_topic,
)
from support.waiting import wait_until

from headrace.processes.supervisor import responds
from topics.forwarder.__main__ import forward
from topics.forwarder.forwarder import READER, Forwarder, Forwarders
from topics.forwarder.metrics import Metrics
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.messages import ORIGIN
from topics.kafka.settings import KafkaSettings
from topics.local.consumers import consumer_path
from topics.local.forwarded import FORWARDED
from topics.local.high_watermark import HighWatermark
from topics.local.lock import lock, unlock
from topics.local.reader import LocalReader
from topics.local.spool_id import spool_id
from topics.local.spools import spool_path, spool_paths
from topics.topic import Message as Event
from topics.topic import TopicInUse

COUNT = 500


def ids(found: list[Message]) -> set[str]:
    return {header(message, "event-id").decode() for message in found}


def parties(count: int) -> list[Event]:
    return [a_message(f"{number:032x}", key=f"party {number % 20}".encode()) for number in range(count)]


def metric(forwarder: Forwarder, name: str) -> float:
    lines = [
        line
        for line in Metrics(lambda: [forwarder.progress]).text().decode().splitlines()
        if line.startswith(f"clickstream_forwarder_{name} ")
    ]
    return float(lines[0].split()[1])


def test_an_event_is_on_kafka_as_it_was_taken_with_its_origin(spool: Path, kafka: MockKafka) -> None:
    value = b"\xc3\x01" + bytes.fromhex("0102030405060708") + b"the rest"
    fill(spool, [a_message("an id", value=value, source="json")])
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    (found,) = read_topic(kafka.settings, "avro")
    entry = read_entries(spool)[0]
    assert (found.key(), found.value()) == (b"a-party", value)
    assert dict(found.headers() or []) == {
        "origin": ORIGIN.pack(spool_id(spool), entry.position, MINUTE),
        "event-id": b"an id",
        "source": b"json",
        "schema": b"0102030405060708",
    }


def test_a_value_that_is_not_a_single_object_has_no_schema(spool: Path, kafka: MockKafka) -> None:
    fill(spool, [a_message(value=b"\xc3\x01short")])
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    assert "schema" not in dict(read_topic(kafka.settings, "avro")[0].headers() or [])


def test_a_party_stays_on_a_partition_and_in_order(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(COUNT))
    with a_forwarder(spool, kafka.settings) as forwarder:
        wait_until_released(spool)
        assert metric(forwarder, "messages_total") == COUNT
        assert metric(forwarder, "unreleased_bytes") == metric(forwarder, "in_flight") == metric(forwarder, "oldest_seconds") == 0
    found = read_topic(kafka.settings, "avro")
    assert len({(message.key(), message.partition()) for message in found}) == 20
    assert len(positions_by_partition(found)) == 4
    assert all(places == sorted(places) for places in positions_by_partition(found).values())
    assert_in_order(read_entries(spool), found)


@pytest.mark.parametrize("error", ["OUT_OF_ORDER_SEQUENCE_NUMBER", "MSG_SIZE_TOO_LARGE", "TOPIC_AUTHORIZATION_FAILED"])
def test_after_a_failure_all_that_was_not_reported_is_sent_again_in_order(spool: Path, kafka: MockKafka, error: str) -> None:
    fill(spool, parties(COUNT))
    kafka.fail(PRODUCE, 0, getattr(KafkaError, error))
    with a_forwarder(spool, kafka.settings) as forwarder:
        wait_until_released(spool)
        assert metric(forwarder, "failures_total") == 1
        assert metric(forwarder, "requeued_total") > 0
    assert_in_order(read_entries(spool), read_topic(kafka.settings, "avro"))


def test_an_error_that_passes_is_none(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(COUNT))
    kafka.fail(PRODUCE, KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.KAFKA_STORAGE_ERROR, KafkaError.REQUEST_TIMED_OUT)
    with a_forwarder(spool, kafka.settings) as forwarder:
        wait_until_released(spool)
        assert metric(forwarder, "failures_total") == 0
    assert_in_order(read_entries(spool), read_topic(kafka.settings, "avro"))


def test_a_message_that_the_client_rejects_is_not_released(tmp_path: Path, spool: Path, kafka: MockKafka) -> None:
    file = tmp_path / "client"
    file.write_text("message.max.bytes=1000\n")
    fill(spool, [a_message("small"), a_message("large", value=b"v" * 2000)])
    with a_forwarder(spool, kafka.settings.model_copy(update={"client_file": file})) as forwarder:
        wait_until(lambda: metric(forwarder, "failures_total") > 1)
        reasons = set()
        failures = metric(forwarder, "failures_total")
        while metric(forwarder, "failures_total") < failures + 3:  # between two failures too
            reasons.add(forwarder.not_ready_reason())
        assert all("too large" in reason for reason in reasons)
    assert released(spool) < end(spool)
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    assert ids(read_topic(kafka.settings, "avro")) == {"small", "large"}


def test_messages_that_do_not_fit_the_clients_queue_are_sent_later(tmp_path: Path, spool: Path, kafka: MockKafka) -> None:
    file = tmp_path / "client"
    file.write_text("queue.buffering.max.messages=10\n")
    fill(spool, parties(COUNT))
    with a_forwarder(spool, kafka.settings.model_copy(update={"client_file": file})):
        wait_until_released(spool)
    assert_in_order(read_entries(spool), read_topic(kafka.settings, "avro"))


def test_nothing_is_released_while_kafka_does_not_answer_and_the_window_bounds_what_waits(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(COUNT))
    with a_forwarder(spool, kafka.settings, window=50) as forwarder:
        wait_until_released(spool)
        kafka.stop()
        before = released(spool)
        fill(spool, messages(COUNT, first=COUNT))
        wait_until(lambda: metric(forwarder, "in_flight") == 50)
        assert metric(forwarder, "oldest_seconds") > 0
        assert released(spool) == before
        assert metric(forwarder, "unreleased_bytes") == end(spool) - before
        kafka.start()
        wait_until_released(spool)
        assert metric(forwarder, "failures_total") == 0
    assert_in_order(read_entries(spool), read_topic(kafka.settings, "avro"))


def test_it_stops_at_once_while_kafka_is_away_and_continues_later(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(COUNT))
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
        fill(spool, messages(COUNT, first=COUNT))
        kafka.stop()
    kafka.start()
    with a_forwarder(spool, kafka.settings):
        wait_until_released(spool)
    assert_in_order(read_entries(spool), read_topic(kafka.settings, "avro"))


def test_it_waits_for_a_kafka_that_is_not_there_yet(spool: Path, kafka: MockKafka) -> None:
    kafka.stop()
    fill(spool, parties(1))
    with a_forwarder(spool, kafka.settings) as forwarder:
        wait_until(lambda: "Kafka does not respond" in forwarder.not_ready_reason())
        assert metric(forwarder, "unreleased_bytes") == end(spool)
        kafka.start()
        wait_until_released(spool)
        wait_until(lambda: not forwarder.not_ready_reason())


def test_it_never_makes_a_topic_by_asking_for_it(spool: Path) -> None:
    fill(spool, parties(1))
    with a_kafka(with_topics=False) as kafka, a_forwarder(spool, kafka.settings) as forwarder:
        wait_until(
            lambda: "no topic clickstream-avro and no clickstream-dead-letters; `headrace kafka apply`" in forwarder.not_ready_reason()
        )
        kafka.make_topics()
        wait_until_released(spool)


def test_the_forwarded_position_is_in_a_file(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(COUNT))
    with a_forwarder(spool, kafka.settings):
        wait_until(lambda: HighWatermark(spool, FORWARDED).read() == end(spool))


def test_a_disk_that_takes_no_release_does_not_stop_the_forwarding(spool: Path, kafka: MockKafka) -> None:
    fill(spool, [*parties(COUNT), a_rejection()])
    with a_forwarder(spool, kafka.settings) as forwarder:
        wait_until_released(spool)
        blocked = consumer_path(spool, READER).with_name(f"{READER}.json.new")
        blocked.mkdir()
        fill(spool, [*messages(COUNT), a_rejection()])
        wait_until(lambda: metric(forwarder, "messages_total") == 2 * COUNT)
        blocked.rmdir()
        wait_until_released(spool)
    assert outcome(spool)["rejected"] == 2


def test_a_second_forwarder_of_a_topic_is_refused(spool: Path, kafka: MockKafka) -> None:
    LocalReader.open(spool, READER).close()
    held = lock(spool / "readers" / "forwarder.lock")
    try:
        with ExitStack() as stack, pytest.raises(TopicInUse, match="forwards this topic"):
            forward(ForwarderSettings(topic_directory=spool), kafka.settings, threading.Event(), stack)
    finally:
        unlock(held)


@contextmanager
def forwarders(path: Path, kafka: KafkaSettings) -> Iterator[Forwarders]:
    """All forwarders of a topic at work, stopped at the end."""
    stop = threading.Event()
    with ExitStack() as stack:
        found = Forwarders(ForwarderSettings(topic_directory=path), kafka, stop, stack)
        thread = threading.Thread(target=found.run)
        thread.start()
        try:
            yield found
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()


def test_all_spools_of_a_topic_are_forwarded_each_under_its_id_and_those_that_come_later_too(tmp_path: Path, kafka: MockKafka) -> None:
    fill(tmp_path, [a_message("own")])
    fill(spool_path(tmp_path, 0), [a_message("first")])
    with forwarders(tmp_path, kafka.settings) as found:
        fill(spool_path(tmp_path, 1), [a_message("later"), a_rejection()])
        for path in spool_paths(tmp_path).values():
            wait_until_released(path)
        wait_until(lambda: not found.not_ready_reason())
        assert "clickstream_forwarder_messages_total 3.0" in found.metrics.text().decode()
        assert "clickstream_forwarder_settled_total 1.0" in found.metrics.text().decode()
        assert "clickstream_forwarder_unreleased_bytes 0.0" in found.metrics.text().decode()
    read = read_topic(kafka.settings, "avro")
    assert ids(read) == {"own", "first", "later"}
    assert len({origin(message)[0] for message in read}) == 3


def test_a_topic_that_only_workers_write_to_has_no_forwarder_of_its_own(tmp_path: Path, kafka: MockKafka) -> None:
    fill(spool_path(tmp_path, 0), [a_message()])
    with forwarders(tmp_path, kafka.settings):
        wait_until(lambda: released(spool_path(tmp_path, 0)) > 0)
    assert not (tmp_path / "id").exists()


def test_a_forwarding_failure_is_reported_with_its_spool(tmp_path: Path, kafka: MockKafka) -> None:
    kafka.stop()
    fill(spool_path(tmp_path, 3), [a_message()])
    with forwarders(tmp_path, kafka.settings) as found:
        wait_until(lambda: found.not_ready_reason().startswith("spool 3: Kafka does not respond"))


def test_a_spool_that_another_forwards_ends_the_forwarding_of_all(tmp_path: Path, kafka: MockKafka) -> None:
    for number in (0, 1):
        fill(spool_path(tmp_path, number), [a_message()])
    LocalReader.open(spool_path(tmp_path, 1), READER).close()
    held = lock(spool_path(tmp_path, 1) / "readers" / "forwarder.lock")
    try:
        with ExitStack() as stack, pytest.raises(TopicInUse):
            Forwarders(ForwarderSettings(topic_directory=tmp_path), kafka.settings, threading.Event(), stack).run()
    finally:
        unlock(held)


def test_health_and_metrics_are_reported_over_http(spool: Path, kafka: MockKafka) -> None:
    fill(spool, parties(1))
    stop = threading.Event()
    with ExitStack() as stack:
        settings = ForwarderSettings(topic_directory=spool, port=free_ports(1)[0])
        thread = threading.Thread(target=forward, args=(settings, kafka.settings, stop, stack))
        thread.start()
        wait_until(lambda: responds(f"http://127.0.0.1:{settings.port}/health/ready"))
        assert "clickstream_forwarder_messages_total 1.0" in httpx.get(f"http://127.0.0.1:{settings.port}/metrics").text
        stop.set()
        thread.join()
