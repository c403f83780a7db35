"""Dead letters after a fix, on one machine and on Kafka: `headrace dead-letters replay` converts each once, or reports it."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.headrace.installation import Installation, run_command
from support.streams.in_memory import OLDER, a_message, a_record, of_an_unknown_schema
from support.streams.on_kafka import KafkaConverting
from support.topics.in_memory import fill
from support.topics.kafka import MockKafka, a_kafka
from support.waiting import wait_until

from headrace.dead_letters.kafka import KafkaDeadLetters
from headrace.errors import CommandError
from schemas.contract import SCHEMA_PATH
from streams.local.replays import Replayed
from streams.sink import DeadLetterFilter
from topics.kafka.messages import dead_letter
from topics.kafka.settings import MessageFormat
from topics.topic import Damage, Message


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder of schemas of which one is missing."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    shutil.copy(SCHEMA_PATH, folder / "clickstream.avsc")
    return folder


def add_the_schema(schemas: Path) -> None:
    (schemas / "older.avsc").write_text(json.dumps(OLDER))


def some_messages() -> list[Message]:
    """Two valid messages, two of an unknown schema, one of it without a field, and garbage."""
    now = time.time_ns() // 1_000_000
    good = [a_message(at=now), a_message(at=now)]
    unknown = [of_an_unknown_schema(at=now), of_an_unknown_schema(at=now), of_an_unknown_schema(at=now, event_type="")]
    return [*good, *unknown, replace(a_message(at=now), value=b"?")]


def listed(*options: str | Path) -> list[tuple[str, str]]:
    lines = run_command("dead-letters", "--json", *options).splitlines()
    return [(letter["reason"], letter["event_id"]) for letter in map(json.loads, lines)]


def replayed(*options: str | Path, status: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run_command("dead-letters", "replay", "--json", *options, status=status))
    return answer


def test_on_one_machine_the_fixed_ones_are_rows_once_and_the_ledger_balances(
    tmp_path: Path, schemas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_STREAMS_SCHEMA_PATH", str(schemas / "clickstream.avsc"))
    state = ("--state", tmp_path / "state")
    messages = some_messages()
    fill(tmp_path / "state" / "topics" / "clickstream-avro", messages)
    installation = Installation.start(tmp_path / "state", "--no-dashboards", "--no-visits")
    try:
        wait_until(lambda: len(listed(*state)) == 4, within_seconds=30)
        assert replayed(*state, status=1) == {"brought_in": 0, "failed_again": {"unknown_schema": 3, "not_single_object": 1}}
        add_the_schema(schemas)
        installation.kill("store")
        wait_until(lambda: installation.status()["ready"], within_seconds=30)
        [newest, *_] = run_command("dead-letters", *state, "--reason", "unknown_schema", "--limit", "1").splitlines()[1:]
        assert "clickstream-avro/" in newest
        assert replayed(*state, "--reason", "unknown_schema", status=1) == {"brought_in": 2, "failed_again": {"missing_field": 1}}
        assert replayed(*state, "--reason", "unknown_schema") == {"brought_in": 0, "failed_again": {}}
        assert sorted(listed(*state)) == [("missing_field", messages[4].event_id), ("not_single_object", messages[5].event_id)]
        assert {row["event_id"] for row in installation.sql("SELECT event_id FROM clickstream")} == {one.event_id for one in messages[:4]}
        wait_until(lambda: installation.ledger()["dead_letters"] == 2, within_seconds=30)
        assert {name: count for name, count in installation.ledger().items() if count} == {"received": 6, "stored": 4, "dead_letters": 2}
    finally:
        assert installation.stop() == 0


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockKafka]:
    with a_kafka() as kafka:
        monkeypatch.setenv("HEADRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        yield kafka


@pytest.fixture
def converting(kafka: MockKafka, tmp_path: Path) -> Iterator[KafkaConverting]:
    with ExitStack() as stack:
        converting = KafkaConverting(kafka.settings, tmp_path)
        stack.callback(converting.stop)
        yield converting


@pytest.mark.parametrize("message_format", ["single-object", "confluent"])
def test_on_kafka_the_fixed_ones_are_rows_once_and_the_accounts_are_right(
    converting: KafkaConverting, schemas: Path, message_format: MessageFormat
) -> None:
    messages = some_messages()
    converting.message_format = message_format
    converting.start(schema_path=schemas / "clickstream.avsc")
    converting.forward(*messages, partition=2)
    wait_until(lambda: converting.accounts() == {"stored": 2, "duplicates": 0, "dead_letters": 4}, within_seconds=30)
    assert [reason for reason, _ in listed("--kafka")] == ["not_single_object"] + ["unknown_schema"] * 3
    converting.stop()
    add_the_schema(schemas)
    converting.start(schema_path=schemas / "clickstream.avsc")
    assert replayed("--kafka", "--origin", "clickstream-avro/2/3") == {"brought_in": 1, "failed_again": {}}
    assert replayed("--kafka", status=1) == {"brought_in": 1, "failed_again": {"missing_field": 1, "not_single_object": 1}}
    assert replayed("--kafka", "--reason", "unknown_schema") == {"brought_in": 0, "failed_again": {}}
    assert sorted(listed("--kafka")) == [("missing_field", messages[4].event_id), ("not_single_object", messages[5].event_id)]
    assert sorted(row["event_id"] for row in converting.rows()) == sorted(one.event_id for one in messages[:4])
    assert converting.accounts() == {"stored": 4, "duplicates": 0, "dead_letters": 2}
    assert {message.partition() for message in converting.read("json")} == {2}


def test_dead_letters_that_no_fix_can_convert_are_not_sent(kafka: MockKafka, converting: KafkaConverting, tmp_path: Path) -> None:
    key, value, headers = dead_letter(Damage(512, 600, b"???", "not a valid frame"), b"\0" * 8, 1_767_225_600_000)
    converting.write((key, value, headers), name="dead-letters")
    ports = {"kafka": int(kafka.bootstrap_servers.rpartition(":")[2])}
    run = {"supervisor": {"pid": 1, "created": 0}, "host": "127.0.0.1", "ports": ports, "processes": {}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert "spool/0000000000000000/512" in run_command("dead-letters", "--state", tmp_path), "it runs on Kafka"
    assert "1 cannot be replayed: damaged_frame" in run_command("dead-letters", "replay", "--kafka", status=1)
    assert converting.read("avro") == []


def test_without_a_converter_a_replay_says_so_and_later_doubles_nothing(
    kafka: MockKafka, converting: KafkaConverting, schemas: Path
) -> None:
    message = of_an_unknown_schema(a_record(at=time.time_ns() // 1_000_000))
    converting.start(schema_path=schemas / "clickstream.avsc")
    converting.forward(message)
    wait_until(lambda: converting.accounts()["dead_letters"] == 1, within_seconds=30)
    converting.stop()
    add_the_schema(schemas)
    with pytest.raises(CommandError, match="1 messages were sent, but no converter has processed any"):
        list(KafkaDeadLetters(kafka.settings, quiet_seconds=0.5).replay(DeadLetterFilter()))
    converting.start(schema_path=schemas / "clickstream.avsc")
    assert list(KafkaDeadLetters(kafka.settings).replay(DeadLetterFilter())) in ([Replayed(1, {})], [])
    wait_until(lambda: converting.accounts() == {"stored": 1, "duplicates": 0, "dead_letters": 0}, within_seconds=30)
    assert len(converting.rows()) == 1


def test_without_kafka_dead_letters_say_what_is_wrong(kafka: MockKafka) -> None:
    kafka.stop()
    assert "clickstream-dead-letters" in run_command("dead-letters", "--kafka", status=2)
