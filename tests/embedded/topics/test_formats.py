"""Every format of messages on its way from a local topic over Kafka to a row, and to consumers that know nothing of headrace."""

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest
from support.collector.collectors import ROOT
from support.ports import free_ports
from support.streams.in_memory import SCHEMA, a_record
from support.streams.on_kafka import KafkaConverting
from support.topics.forwarders import is_forwarded
from support.topics.in_memory import MINUTE, a_message, a_rejection, fill, until
from support.topics.kafka import MockKafka, read_topic
from support.topics.registry import SchemaRegistry, a_registry
from support.waiting import wait_until

from headrace.processes.supervisor import not_ready_reason, responds
from schemas.codec import encode, fingerprint
from schemas.contract import SCHEMA_PATH
from topics.accounts import OUTCOMES
from topics.forwarder.__main__ import forward
from topics.forwarder.forwarder import READER
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.settings import KafkaSettings
from topics.kafka.writer import KafkaTopic
from topics.local.consumers import consumer_accounts
from topics.local.reader import LocalReader
from topics.topic import Message, TopicFull

PARTY = b"0:loyw3v28:q0tO9Q3ZPaMLHYuTdIEhDIdOXU4Zoh0c"  # as Divolte writes them
COPY: dict[str, Any] = {
    "type": "record",
    "name": "DefaultEventRecord",
    "namespace": "io.divolte.record",
    "fields": [{"name": "eventType", "type": ["null", "string"], "default": None}, {"name": "timestamp", "type": "long"}],
}


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with a_registry() as registry:
        yield registry


def settings(kafka: MockKafka, **given: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, **given)


@contextmanager
def forwarding(path: Path, kafka: KafkaSettings, topic: str | None = None) -> Iterator[str]:
    """A forwarder as in its process, in a thread; yields the URL of its health check."""
    stop, [port] = threading.Event(), free_ports(1)

    def run() -> None:
        with ExitStack() as stack:
            forward(ForwarderSettings(topic_directory=path, port=port, topic=topic), kafka, stop, stack)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def spool_of(path: Path, *messages: Message) -> Path:
    """A local topic that holds these."""
    LocalReader.open(path, "keeper").close()
    fill(path, messages)
    return path


def an_event(number: int, schema: dict[str, Any] = SCHEMA, **fields: Any) -> Message:
    record = a_record(event_id=f"{number:032x}", **fields)
    return a_message(record["event_id"], value=encode(schema, record), key=PARTY)


def test_the_converter_reads_a_topic_that_holds_every_format(kafka: MockKafka, registry: SchemaRegistry, tmp_path: Path) -> None:
    formats: list[dict[str, Any]] = [
        {},
        {"message_format": "naked"},
        {"message_format": "confluent", "schema_id": 7},
        {"message_format": "confluent", "schema_registry": registry.url},
    ]
    for number, given in enumerate(formats):
        spool = spool_of(tmp_path / f"spool{number}", an_event(number))
        with forwarding(spool, settings(kafka, **given)):
            wait_until(lambda spool=spool: is_forwarded(spool))  # type: ignore[misc]
    begins = sorted((message.value() or b"")[:5].hex() for message in read_topic(kafka.settings, "avro"))
    assert begins[:2] == ["0000000007", "0000000064"]
    converting = KafkaConverting(kafka.settings, tmp_path)
    converting.start()
    try:
        rows = converting.wait_for_rows(4)
    finally:
        converting.stop()
    assert sorted(row["event_id"] for row in rows) == [f"{number:032x}" for number in range(4)]
    assert registry.subjects == {"clickstream-avro-value": [100]}


def test_records_of_older_and_newer_schemas_are_read_side_by_side(kafka: MockKafka, tmp_path: Path) -> None:
    fields = {field["name"]: field for field in SCHEMA["fields"]}
    changed = {"page_path": {"name": "page_path", "type": "string"}, "gone": {"name": "gone", "type": "string"}}
    older = SCHEMA | {"fields": [field for name, field in (fields | changed).items() if name not in ("page_title", "viewport_width")]}
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "clickstream.avsc").write_text(SCHEMA_PATH.read_text())
    (folder / "older.avsc").write_text(json.dumps(older))
    old = encode(older, a_record(event_id="old") | {"gone": "x", "page_path": "/old"})
    spool = spool_of(
        tmp_path / "spool",
        an_event(1, page_title="new", page_path="/new"),
        a_message("old", value=old, key=PARTY),
        an_event(2),
    )
    confluent = {"message_format": "confluent", "schema_directory": folder}
    with a_registry() as registry, forwarding(spool, settings(kafka, schema_registry=registry.url, **confluent)):
        wait_until(lambda: is_forwarded(spool))
    assert registry.subjects == {"clickstream-avro-value": [100, 101]}
    converting = KafkaConverting(kafka.settings, tmp_path)
    converting.start(schema_path=folder / "clickstream.avsc")
    try:
        rows = {row["event_id"]: row for row in converting.wait_for_rows(3)}
    finally:
        converting.stop()
    assert (rows["old"]["page_title"], rows["old"]["viewport_width"], rows["old"]["page_path"]) == (None, None, "/old")
    assert (rows[f"{1:032x}"]["page_title"], rows[f"{1:032x}"]["page_path"]) == ("new", "/new")
    assert "gone" not in rows["old"]


def test_a_registry_that_is_away_is_waited_for_and_nothing_is_lost(kafka: MockKafka, registry: SchemaRegistry, tmp_path: Path) -> None:
    registry.is_broken = True
    spool = spool_of(tmp_path / "spool", *(an_event(number) for number in range(20)))
    with forwarding(spool, settings(kafka, message_format="confluent", schema_registry=registry.url)) as url:
        wait_until(lambda: "the registry" in not_ready_reason(f"{url}/health/ready"))
        assert read_topic(kafka.settings, "avro") == []
        registry.is_broken = False
        wait_until(lambda: is_forwarded(spool))
        wait_until(lambda: responds(f"{url}/health/ready"))
    found = read_topic(kafka.settings, "avro")
    assert [(message.value() or b"")[:5] for message in found] == [b"\0\0\0\0\x64"] * 20


def test_a_message_whose_schema_has_no_file_is_waited_for(kafka: MockKafka, registry: SchemaRegistry, tmp_path: Path) -> None:
    spool = spool_of(tmp_path / "spool", a_message(value=encode(COPY, {"eventType": None, "timestamp": 1})))
    with forwarding(spool, settings(kafka, message_format="confluent", schema_registry=registry.url, schema_directory=tmp_path)) as url:
        wait_until(lambda: fingerprint(COPY).hex() in not_ready_reason(f"{url}/health/ready"))
        (tmp_path / "copy.avsc").write_text(json.dumps(COPY))
        wait_until(lambda: is_forwarded(spool))
    assert len(read_topic(kafka.settings, "avro")) == 1


def test_divoltes_consumers_read_a_topic_of_their_own(kafka: MockKafka, tmp_path: Path) -> None:
    kafka.make_topic("site-divolte", 3)
    record = {"eventType": "pageView", "timestamp": MINUTE}
    copies = [a_message(f"{number:032x}", value=encode(COPY, record), key=PARTY, source="divolte") for number in range(5)]
    spool = spool_of(tmp_path / "divolte", *copies, a_rejection(source="divolte"))
    with forwarding(spool, settings(kafka, message_format="naked"), "site-divolte") as url:
        wait_until(lambda: is_forwarded(spool))
        wait_until(lambda: responds(f"{url}/health/ready"))
        wait_until(lambda: "clickstream_forwarder_settled_total 1.0" in httpx.get(f"{url}/metrics").text)
    found = read_topic(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, prefix="site"), "divolte")
    assert {message.key() for message in found} == {PARTY}
    assert {message.timestamp()[1] for message in found} == {MINUTE}
    assert [fastavro.schemaless_reader(io.BytesIO(message.value() or b""), COPY, None) for message in found] == [record] * 5
    assert len({message.partition() for message in found}) == 1
    assert read_topic(kafka.settings, "avro") == []


def test_messages_without_a_converter_count_as_stored_when_kafka_has_them(kafka: MockKafka, tmp_path: Path) -> None:
    kafka.make_topic("site-divolte")
    now = time.time_ns() // 1_000_000  # accounts of days ago are not kept
    taken = [a_message(f"{number:032x}", received_at=now) for number in range(5)]
    taken += [a_rejection(reason, received_at=now) for reason in ("duplicate", "invalid_event_id")]
    spool = spool_of(tmp_path / "divolte", *taken)
    for _ in range(2):  # the next run continues from the reported accounts
        with forwarding(spool, kafka.settings, "site-divolte"):
            wait_until(lambda: is_forwarded(spool))
    accounts = consumer_accounts(spool)[READER]
    assert {name: sum(counts.get(name, 0) for counts in accounts.values()) for name in OUTCOMES} == {
        "stored": 5,
        "duplicates": 1,
        "rejected": 1,
        "dead_letters": 0,
    }


def straight(kafka: KafkaSettings, message: Message, *fingerprints: bytes) -> set[str]:
    """Send a message without a local topic until it is accepted; return the earlier errors."""
    refused: set[str] = set()

    async def main() -> None:
        topic = KafkaTopic(kafka, fingerprints=fingerprints)
        try:
            await until(lambda: not topic.not_ready_reason())
            async with asyncio.timeout(10):
                while not await is_taken(topic):  # noqa: ASYNC110  (what is waited for happens in a thread)
                    await asyncio.sleep(0.001)
        finally:
            topic.close()

    async def is_taken(topic: KafkaTopic) -> bool:
        try:
            await topic.append([message])
        except TopicFull as full:
            refused.add(str(full))
            return False
        return True

    asyncio.run(main())
    return refused


@pytest.mark.parametrize(
    ("given", "begin"), [({"message_format": "naked"}, ""), ({"message_format": "confluent", "schema_id": 7}, "0000000007")]
)
def test_a_collector_without_a_disk_sends_every_format(kafka: MockKafka, given: dict[str, Any], begin: str) -> None:
    event = an_event(1)
    assert straight(settings(kafka, **given), event) == set()
    [found] = read_topic(kafka.settings, "avro")
    assert found.value() == bytes.fromhex(begin) + event.value[10:]


def test_a_collector_without_a_disk_knows_the_ids_of_its_schemas_before_it_takes_an_event(
    kafka: MockKafka, registry: SchemaRegistry
) -> None:
    confluent = settings(kafka, message_format="confluent", schema_registry=registry.url)
    assert straight(confluent, an_event(1), fingerprint(SCHEMA)) == set()
    assert registry.subjects == {"clickstream-avro-value": [100]}


def test_a_schema_that_a_collector_without_a_disk_did_not_know_of_is_looked_up_meanwhile(
    kafka: MockKafka, registry: SchemaRegistry
) -> None:
    confluent = settings(kafka, message_format="confluent", schema_registry=registry.url)
    [refused] = straight(confluent, an_event(1))
    assert refused == f"the id of the schema {fingerprint(SCHEMA).hex()} is not looked up yet"
    [found] = read_topic(kafka.settings, "avro")
    assert (found.value() or b"")[:5] == b"\0\0\0\0\x64"


def test_messages_of_confluents_clients_become_rows_once_the_registry_answers(
    kafka: MockKafka, registry: SchemaRegistry, tmp_path: Path
) -> None:
    registry.register("clickstream-avro-value", SCHEMA_PATH.read_text())
    registry.is_broken = True
    converting = KafkaConverting(settings(kafka, schema_registry=registry.url), tmp_path)
    converting.write((PARTY, b"\0\0\0\0\x64" + an_event(1).value[10:], []))
    worker = converting.start()
    try:
        wait_until(lambda: "the registry" in worker.not_ready_reason(), within_seconds=30)
        registry.is_broken = False
        [row] = converting.wait_for_rows(1)
    finally:
        converting.stop()
    assert (row["event_id"], converting.read("dead-letters")) == (f"{1:032x}", [])


def test_a_forwarder_whose_settings_do_not_go_together_does_not_start(tmp_path: Path) -> None:
    given = {"HEADRACE_FORWARDER_TOPIC_DIRECTORY": str(tmp_path / "spool"), "HEADRACE_KAFKA_MESSAGE_FORMAT": "confluent"}
    done = subprocess.run(
        [sys.executable, "-m", "topics.forwarder"], cwd=ROOT, env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "HEADRACE_KAFKA_MESSAGE_FORMAT")
    assert not (tmp_path / "spool").exists()
