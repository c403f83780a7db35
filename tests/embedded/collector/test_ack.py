"""The condition of a collector's response: durable on Kafka instead of on disk, or on both."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaError
from support.collector.collectors import ROOT, RunningCollector, a_body, an_event, environment, milliseconds, start_collector
from support.topics.in_memory import MINUTE, a_message, a_rejection, a_topic, messages, read_entries, until
from support.topics.kafka import PRODUCE, MockKafka, a_kafka, origin, read_topic, write_topic

from topics.kafka.writer import MAX_MESSAGES, KafkaTopic
from topics.ledger import Received
from topics.local.forwarded import FORWARDED, ForwardedTopic
from topics.local.high_watermark import HighWatermark
from topics.topic import TopicFailed, TopicFull


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with a_kafka() as kafka:
        yield kafka


def with_kafka_topic(
    kafka: MockKafka, work: Callable[[KafkaTopic], Awaitable[None]], *, answer_seconds: float = 10, reached: bool = True
) -> None:
    """Do some work with a topic on Kafka in an event loop, and close it."""

    async def main() -> None:
        topic = KafkaTopic(kafka.settings, answer_seconds=answer_seconds, now=lambda: MINUTE / 1000)
        try:
            if reached:
                await until(lambda: not topic.not_ready_reason())
            await work(topic)
        finally:
            topic.close()

    asyncio.run(main())


def test_an_append_is_done_when_kafka_has_all_its_events(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        await topic.append([*messages(3), a_rejection(), a_rejection("duplicate")])
        assert topic.unread_bytes() == 0
        assert topic.ledger() == {(MINUTE, "browser"): Received(5, {"invalid_event_id": 1, "duplicate": 1})}

    with_kafka_topic(kafka, work)
    found = read_topic(kafka.settings, "avro")
    assert len({origin(message)[0] for message in found}) == 1
    assert sorted(origin(message)[1] for message in found) == [0, 1, 2]


def test_rejections_alone_wait_for_nothing(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        kafka.stop()
        assert topic.append([a_rejection()]).done()

    with_kafka_topic(kafka, work)


def test_a_batch_that_kafka_does_not_accept_in_time_gets_503_and_the_next_does_not_wait(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        kafka.stop()
        with pytest.raises(TopicFull) as full:
            await topic.append(messages(2))
        assert 5 <= full.value.retry_after_seconds <= 30
        assert topic.unread_bytes() == 0
        with pytest.raises(TopicFull):
            topic.append(messages(1))
        assert topic.not_ready_reason()
        kafka.start()
        await until(lambda: not topic.not_ready_reason())
        await topic.append(messages(2))
        assert topic.ledger()[MINUTE, "browser"].received == 2

    with_kafka_topic(kafka, work, answer_seconds=2)


def test_a_fatal_error_is_another_producers_beginning(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        kafka.fail(PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
        with pytest.raises(TopicFull):
            await topic.append(messages(1))
        await until(lambda: not topic.not_ready_reason())
        await topic.append(messages(1))

    with_kafka_topic(kafka, work)


def test_too_much_under_way_is_refused_at_once_and_dropped_at_the_end(kafka: MockKafka) -> None:
    taken = []

    async def work(topic: KafkaTopic) -> None:
        kafka.stop()
        taken.append(topic.append(messages(MAX_MESSAGES)))
        with pytest.raises(TopicFull, match="in flight"):
            topic.append(messages(1))

    with_kafka_topic(kafka, work)
    assert isinstance(taken[0].exception(), TopicFull)


def test_a_closed_topic_takes_nothing(kafka: MockKafka) -> None:
    topics = []

    async def work(topic: KafkaTopic) -> None:
        topics.append(topic)

    with_kafka_topic(kafka, work)
    with pytest.raises(TopicFailed):
        asyncio.run(append(topics[0]))


async def append(topic: KafkaTopic) -> None:
    await topic.append(messages(1))


def test_a_caller_that_stops_waiting_does_not_block_the_others(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        topic.append(messages(1)).cancel()
        await topic.append(messages(1))

    with_kafka_topic(kafka, work)


def test_a_message_that_the_client_refuses_is_asked_for_again(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        with pytest.raises(TopicFull, match="too large"):
            await topic.append([a_message(value=bytes(40 << 20))])
        assert topic.unread_bytes() == 0

    with_kafka_topic(kafka, work)


def test_no_event_is_accepted_before_kafka_is_reached() -> None:
    async def work(topic: KafkaTopic) -> None:
        with pytest.raises(TopicFull, match="not reached"):
            topic.append(messages(1))
        await until(lambda: "headrace kafka apply" in topic.not_ready_reason())

    with a_kafka(with_topics=False) as kafka:
        with_kafka_topic(kafka, work, reached=False)


def test_its_accounts_join_the_refused_with_what_the_converters_say(kafka: MockKafka) -> None:
    async def work(topic: KafkaTopic) -> None:
        await topic.append([*messages(2), a_rejection()])
        spool = origin(read_topic(kafka.settings, "avro")[0])[0].hex()
        write_topic(kafka.settings, "ledger", json.dumps(["account", spool, MINUTE, "browser"]).encode(), b'{"stored": 2}')
        await until(lambda: topic.accounts()["kafka"][MINUTE, "browser"]["stored"] == 2)
        assert topic.accounts()["kafka"][MINUTE, "browser"]["rejected"] == 1

    with_kafka_topic(kafka, work)


def with_forwarded_topic(
    path: Path, work: Callable[[ForwardedTopic, HighWatermark], Awaitable[None]], *, answer_seconds: float = 10
) -> None:
    async def main() -> None:
        topic = ForwardedTopic(a_topic(path), path, answer_seconds=answer_seconds)
        forwarded = HighWatermark(path, FORWARDED, create=True)
        try:
            await work(topic, forwarded)
        finally:
            topic.close()
            forwarded.close()
            await asyncio.sleep(0)

    asyncio.run(main())


def test_both_waits_for_the_disk_and_then_for_the_forwarder(tmp_path: Path) -> None:
    async def work(topic: ForwardedTopic, forwarded: HighWatermark) -> None:
        first = topic.append(messages(1))
        await until(lambda: bool(topic.ledger()))
        second = topic.append(messages(1, first=1))
        await until(lambda: topic.ledger()[MINUTE, "browser"].received == 2)
        assert not first.done()
        ends = [entry.next_position for entry in read_entries(tmp_path)]
        forwarded.write(ends[0])
        await first
        assert not second.done()
        forwarded.write(ends[1])
        await second
        forwarded.write(1 << 40)
        await topic.append(messages(1, first=2))
        assert (topic.not_ready_reason(), topic.unread_bytes() > 0) == ("", True)

    with_forwarded_topic(tmp_path, work)


def test_both_asks_for_the_batch_again_when_the_forwarder_is_away(tmp_path: Path) -> None:
    async def work(topic: ForwardedTopic, forwarded: HighWatermark) -> None:
        assert topic.not_ready_reason() == ""
        with pytest.raises(TopicFull, match="is the forwarder running"):
            await topic.append(messages(1))
        assert "is the forwarder running" in topic.not_ready_reason()
        forwarded.write(1 << 40)
        assert topic.not_ready_reason() == ""

    with_forwarded_topic(tmp_path, work, answer_seconds=0.05)


def test_both_forgets_a_caller_that_stops_waiting(tmp_path: Path) -> None:
    async def work(topic: ForwardedTopic, forwarded: HighWatermark) -> None:
        waiting = topic.append(messages(1))
        await until(lambda: bool(topic.ledger()))
        waiting.cancel()
        forwarded.write(1 << 40)
        await topic.append(messages(1))

    with_forwarded_topic(tmp_path, work)


def post(collector: RunningCollector) -> httpx.Response:
    sent = milliseconds()
    body = a_body(an_event(created_at=sent), sent_at=sent)
    return httpx.post(f"{collector.url}/h", content=body, trust_env=False, timeout=20)


def test_a_collector_without_a_disk_answers_when_kafka_has_the_events(tmp_path: Path, kafka: MockKafka) -> None:
    collector = start_collector(tmp_path, ack="broker", kafka_at=kafka.bootstrap_servers)
    try:
        assert post(collector).json() == {"results": ["ok"]}
        assert len(read_topic(kafka.settings, "avro")) == 1
        assert httpx.get(f"{collector.internal_url}/ledger", trust_env=False).json()["total"]["received"] == 1
        assert not collector.topic_directory.exists()
    finally:
        assert collector.stop() == 0


def test_workers_without_a_disk_answer_for_each_other(tmp_path: Path, kafka: MockKafka) -> None:
    collector = start_collector(tmp_path, ack="broker", kafka_at=kafka.bootstrap_servers, workers=2)
    try:
        for _ in range(8):
            assert post(collector).json() == {"results": ["ok"]}
        assert len(read_topic(kafka.settings, "avro")) == 8
        assert httpx.get(f"{collector.internal_url}/ledger", trust_env=False).json()["total"]["received"] == 8
        assert not collector.topic_directory.exists()
    finally:
        assert collector.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_collector_with_both_answers_when_its_forwarder_has_brought_the_events_to_kafka(
    tmp_path: Path, kafka: MockKafka, workers: int
) -> None:
    collector = start_collector(tmp_path, ack="both", workers=workers)
    forwarding = environment(tmp_path, kafka_at=kafka.bootstrap_servers) | {
        "HEADRACE_FORWARDER_TOPIC_DIRECTORY": str(collector.topic_directory),
        "HEADRACE_FORWARDER_PORT": "0",
    }
    forwarder = subprocess.Popen([sys.executable, "-m", "topics.forwarder"], env=forwarding, cwd=ROOT)
    try:
        assert [post(collector).json() for _ in range(8)] == [{"results": ["ok"]}] * 8
        assert len(read_topic(kafka.settings, "avro")) == 8
    finally:
        forwarder.terminate()
        assert forwarder.wait(10) == 0
        assert collector.stop() == 0
