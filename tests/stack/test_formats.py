"""Formats on a real Kafka, by real forwarders: the converter and consumers that know nothing of headrace read the same events."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fastavro
from rich.console import Console
from support.collector.collectors import ROOT
from support.headrace.engines import RunningEngines
from support.streams.in_memory import SCHEMA, a_message, a_record
from support.streams.on_kafka import KafkaConverting
from support.topics.forwarders import is_forwarded
from support.topics.in_memory import fill
from support.topics.kafka import read_topic
from support.topics.registry import a_registry
from support.waiting import wait_until

from headrace.kafka import apply_topics
from topics.kafka.settings import KafkaSettings
from topics.local.reader import LocalReader

EVENTS = 200


@contextmanager
def a_forwarder(path: Path, settings: KafkaSettings, **environment: str) -> Iterator[None]:
    given = {
        "HEADRACE_FORWARDER_TOPIC_DIRECTORY": str(path),
        "HEADRACE_FORWARDER_PORT": "0",
        "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HEADRACE_KAFKA_PREFIX": settings.prefix,
    }
    command = [sys.executable, "-m", "topics.forwarder"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | given | {f"HEADRACE_{name}": value for name, value in environment.items()}
    ) as process:
        try:
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


def test_rows_come_of_confluent_messages_and_a_topic_of_a_source_is_read_by_its_own_consumers(
    kafka: RunningEngines, tmp_path: Path
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka.kafka, prefix="formats")
    for _ in range(2):  # a second time changes nothing
        apply_topics(settings, Console(quiet=True), records=["formats-divolte"])
    now = time.time_ns() // 1_000_000
    messages = [a_message(a_record(at=now)) for _ in range(EVENTS)]
    spool = tmp_path / "spool"
    LocalReader.open(spool, "keeper").close()
    fill(spool, messages)
    copies = tmp_path / "copies"
    LocalReader.open(copies, "keeper").close()
    fill(copies, messages)
    with (
        a_registry() as registry,
        a_forwarder(spool, settings, KAFKA_MESSAGE_FORMAT="confluent", KAFKA_SCHEMA_REGISTRY=registry.url),
        a_forwarder(copies, settings, KAFKA_MESSAGE_FORMAT="naked", FORWARDER_TOPIC="formats-divolte"),
    ):
        wait_until(lambda: is_forwarded(spool) and is_forwarded(copies), within_seconds=60)
    assert registry.subjects == {"formats-avro-value": [100]}
    assert {(message.value() or b"")[:5] for message in read_topic(settings, "avro")} == {b"\0\0\0\0\x64"}
    copied = read_topic(settings, "divolte")
    assert [message.timestamp()[1] >= now for message in copied] == [True] * EVENTS
    ids = {fastavro.schemaless_reader(io.BytesIO(message.value() or b""), SCHEMA, None)["event_id"] for message in copied}  # type: ignore[index, call-overload]
    assert ids == {message.event_id for message in messages}
    converting = KafkaConverting(settings, tmp_path)
    converting.start()
    try:
        rows = converting.wait_for_rows(EVENTS)
    finally:
        converting.stop()
    assert sorted(row["event_id"] for row in rows) == sorted(ids)
