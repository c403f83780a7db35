"""The converter with librdkafka's in-process broker: the results of one pass over the messages. Restarts are tested on a real Kafka."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from support.ports import free_ports
from support.streams.in_memory import a_message, a_record, minute_of
from support.streams.on_kafka import SPOOL, KafkaConverting
from support.topics.kafka import MockKafka, a_kafka, header
from support.waiting import wait_until

from headrace.processes.supervisor import responds
from streams.kafka import worker
from streams.kafka.messages import to_dead_letter
from topics.kafka.transactions import Transactions, fetched
from topics.topic import Message

END_TRANSACTION = 26  # the API key of Kafka's protocol
PRODUCER_FENCED = 90  # its error


def an_event(**fields: Any) -> Message:
    """A message of this minute: accounts of days ago are not kept."""
    return a_message(a_record(at=time.time_ns() // 1_000_000, **fields))


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with a_kafka() as kafka:
        yield kafka


@pytest.fixture
def converting(kafka: MockKafka, tmp_path: Path) -> Iterator[KafkaConverting]:
    with ExitStack() as stack:
        converting = KafkaConverting(kafka.settings, tmp_path)
        stack.callback(converting.stop)
        yield converting


def test_a_record_becomes_a_row_in_the_same_partition_with_what_the_memory_needs(converting: KafkaConverting) -> None:
    converting.start()
    converting.forward(an_event(event_id="e1", parameters='{"sku": "A"}'), partition=2)
    [row] = converting.wait_for_rows(1)
    assert (row["event_id"], row["page_path"], row["parameters"]) == ("e1", "/", {"sku": "A"})
    [message] = converting.read("json")
    assert message.partition() == 2
    assert list(dict(message.headers() or [])) == ["event"]


def test_messages_that_a_forwarder_sends_again_are_in_no_account(converting: KafkaConverting) -> None:
    worker = converting.start()
    messages = [an_event() for _ in range(3)]
    converting.forward(*messages)
    converting.forward(*messages[1:], start=1)
    converting.forward(messages[0])  # the page itself sent it again
    wait_until(lambda: converting.accounts() == {"stored": 3, "duplicates": 1, "dead_letters": 0})
    assert converting.ledger()[f'["position","{SPOOL.hex()}"]'] == 3
    assert worker.metrics.registry.get_sample_value("clickstream_streams_redelivered_messages_total") == 2


def test_a_client_that_falls_silent_is_followed_by_a_new_one(converting: KafkaConverting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SILENCE_SECONDS", 0.5)
    take_over = Transactions._assigned
    silenced: list[list[TopicPartition]] = []

    def fall_silent(self: Transactions, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        take_over(self, consumer, partitions)
        if not silenced:
            silenced.append(partitions)
            consumer.pause(partitions)

    monkeypatch.setattr(Transactions, "_assigned", fall_silent)
    running = converting.start()
    converting.forward(an_event(event_id="e1"))
    converting.wait_for_rows(1)
    assert silenced
    assert running.metrics.registry.get_sample_value("clickstream_streams_failed_transactions_total") == 1
    wait_until(lambda: running.not_ready_reason() == "")


def test_a_high_watermark_without_messages_before_it_is_not_silence(converting: KafkaConverting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SILENCE_SECONDS", 0.5)
    asked: list[dict[int, int]] = []

    def unread(_: Transactions, offsets: dict[int, int]) -> dict[int, int]:
        if not offsets:  # nothing is assigned yet
            return {}
        asked.append(offsets)
        return {0: 7} if offsets[0] < 7 else {}  # the mark of a transaction

    monkeypatch.setattr(Transactions, "unread", unread)
    running = converting.start()
    wait_until(lambda: len(asked) >= 3)
    assert [offsets[0] for offsets in asked[:3]] == [0, 7, 7]
    assert running.metrics.registry.get_sample_value("clickstream_streams_failed_transactions_total") == 1


def test_broken_messages_are_dead_letters_and_the_others_flow(converting: KafkaConverting) -> None:
    converting.start()
    good = an_event()
    conflict = an_event(event_id=good.event_id, page_path="/other")
    converting.forward(good, conflict)
    converting.write((None, b"garbage", []), (b"key", None, []), (None, good.value[:-3], [("origin", b"short")]))
    converting.forward(an_event())
    converting.wait_for_rows(2)
    messages = converting.read("dead-letters")
    assert str(conflict.received_at).encode() in {header(message, "received-at") for message in messages}
    letters = [to_dead_letter(fetched(message)) for message in messages]
    letters.sort(key=lambda letter: letter.position)
    assert [(letter.topic, letter.reason, letter.content) for letter in letters] == [
        ("clickstream-avro/0", "id_conflict", conflict.value),
        ("clickstream-avro/0", "not_single_object", b"garbage"),
        ("clickstream-avro/0", "not_single_object", b""),
        ("clickstream-avro/0", "undecodable", good.value[:-3]),
    ]
    assert (letters[0].key, letters[0].spool, letters[0].source, letters[0].event_id) == (b"key", SPOOL.hex(), "browser", good.event_id)
    assert converting.accounts() == {"stored": 2, "duplicates": 0, "dead_letters": 4}


def test_a_failed_transaction_is_followed_by_a_new_client(converting: KafkaConverting, kafka: MockKafka) -> None:
    worker = converting.start()
    converting.forward(an_event(event_id="first"))
    converting.wait_for_rows(1)
    kafka.fail(END_TRANSACTION, *[PRODUCER_FENCED] * 2)
    converting.forward(an_event(event_id="second"))

    def failures() -> float:
        return worker.metrics.registry.get_sample_value("clickstream_streams_failed_transactions_total") or 0

    wait_until(failures, within_seconds=30)
    reasons = set()
    while failures() < 2:  # with each new client too
        reasons.add(worker.not_ready_reason())
    assert "" not in reasons
    wait_until(lambda: {row["event_id"] for row in converting.rows()} == {"first", "second"}, within_seconds=60, every_seconds=0.2)
    assert failures() == 2
    wait_until(lambda: not worker.not_ready_reason(), within_seconds=60)


def test_the_process_reports_why_it_is_not_ready_and_stops_on_a_signal(kafka: MockKafka) -> None:
    [port] = free_ports(1)
    environment = os.environ | {"HEADRACE_STREAMS_PORT": str(port), "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    process = subprocess.Popen((sys.executable, "-m", "streams"), env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: responds(f"{url}/health/ready"), within_seconds=30)
    wait_until(lambda: b"clickstream_streams_lag_messages{topic=" in httpx.get(url + "/metrics", trust_env=False).content)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_wrong_settings_end_the_process_with_a_line_for_each() -> None:
    environment = os.environ | {"HEADRACE_STREAMS_WINDOW_HOURS": "1", "HEADRACE_STREAMS_PROT": "1"}
    done = subprocess.run((sys.executable, "-m", "streams"), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["HEADRACE_STREAMS_PROT", "HEADRACE_STREAMS_WINDOW_HOURS"]


def test_messages_of_spools_are_accounted_for_by_spool(converting: KafkaConverting) -> None:
    converting.start()
    one, other = an_event(), an_event()
    converting.forward(one)
    converting.forward(Message(other.kind, other.received_at, "json/mobile", other.key, other.event_id, other.value))
    wait_until(lambda: converting.accounts()["stored"] == 2)
    accounts = {key: value["stored"] for key, value in converting.ledger().items() if "account" in key}
    assert accounts == {
        f'["account","{SPOOL.hex()}",{minute_of(message.received_at)},"{source}"]': 1
        for message, source in ((one, "browser"), (other, "json/mobile"))
    }
