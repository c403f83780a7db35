"""One message in a hundred is broken: all else flows, exactly those are dead letters, and the fixed ones are rows once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.headrace.engines import RunningEngines
from support.headrace.installation import run_command
from support.ports import free_ports
from support.streams.in_memory import OLDER, a_message, a_record, of_an_unknown_schema
from support.streams.on_kafka import KafkaConverting
from support.waiting import wait_until

from headrace.processes.supervisor import responds
from schemas.contract import SCHEMA_PATH
from topics.kafka.settings import KafkaSettings
from topics.topic import Message

MESSAGES = 20_000
PARTIES = 500
OF_EACH = MESSAGES // 100 // 5
ANY_PARTITION = -1

pytestmark = pytest.mark.timeout(300)


def messages() -> tuple[list[Message], dict[str, set[str]]]:
    """Return messages, and the event ids of the broken ones by reason."""
    now = time.time_ns() // 1_000_000
    found: list[Message] = []
    broken: defaultdict[str, set[str]] = defaultdict(set)
    for number in range(MESSAGES):
        record = a_record(at=now, page_path=f"/{number}", address=f"192.0.{number % PARTIES % 256}.0")
        message = a_message(record)
        if number % 100 == 99:
            reason, message = broken_message(number // 100 % 5, message, found[-1])
            broken[reason].add(message.event_id)
        found.append(message if message.key != b"key" else replace(message, key=f"party {number % PARTIES}".encode()))
    return found, broken


def broken_message(way: int, message: Message, before: Message) -> tuple[str, Message]:
    at = message.received_at
    match way:
        case 0:
            return "undecodable", replace(message, value=message.value[: len(message.value) // 2])
        case 1:
            return "unknown_schema", of_an_unknown_schema(at=at)
        case 2:
            return "not_single_object", replace(message, value=b"")
        case 3:
            return "missing_field", a_message(at=at, event_type="")
        case _:
            return "id_conflict", replace(a_message(at=at, event_id=before.event_id, page_path="/another"), key=before.key)


@pytest.fixture
def converting(kafka: RunningEngines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaConverting:
    """Topics of their own; the environment names them to the command and to the converter."""
    settings = KafkaSettings(bootstrap_servers=kafka.kafka, prefix=f"letters-{time.time_ns()}")
    monkeypatch.setenv("HEADRACE_KAFKA_BOOTSTRAP_SERVERS", settings.bootstrap_servers)
    monkeypatch.setenv("HEADRACE_KAFKA_PREFIX", settings.prefix)
    run_command("kafka", "apply")
    return KafkaConverting(settings, tmp_path)


@contextmanager
def a_converter(schemas: Path) -> Iterator[None]:
    """Run `python -m streams`, which knows the schemas of a folder."""
    [port] = free_ports(1)
    settings = {"SCHEMA_PATH": schemas / "clickstream.avsc", "PLACES": schemas / "places.mmdb", "PORT": port}
    environment = os.environ | {f"HEADRACE_STREAMS_{name}": str(value) for name, value in settings.items()}
    with subprocess.Popen((sys.executable, "-m", "streams"), env=environment) as process:
        try:
            wait_until(lambda: responds(f"http://127.0.0.1:{port}/health/ready"), within_seconds=60, every_seconds=0.1)
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def dead_letters(reason: str) -> list[str]:
    lines = run_command("dead-letters", "--kafka", "--json", "--limit", "100", "--reason", reason).splitlines()
    return [json.loads(line)["event_id"] for line in lines]


def replay(*options: str, status: int) -> dict[str, object]:
    answer: dict[str, object] = json.loads(run_command("dead-letters", "replay", "--kafka", "--json", *options, status=status))
    return answer


def test_one_percent_broken_messages_are_the_dead_letters_and_come_in_once_after_the_fix(
    converting: KafkaConverting, tmp_path: Path
) -> None:
    sent, broken = messages()
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    shutil.copy(SCHEMA_PATH, schemas)
    good = Counter(message.event_id for message in sent) - Counter(one for ids in broken.values() for one in ids)
    with a_converter(schemas):
        converting.forward(*sent, partition=ANY_PARTITION)
        wait_until(lambda: sum(converting.accounts().values()) == MESSAGES, within_seconds=120, every_seconds=0.5)
    assert converting.accounts() == {"stored": MESSAGES - 5 * OF_EACH, "duplicates": 0, "dead_letters": 5 * OF_EACH}
    assert Counter(row["event_id"] for row in converting.rows()) == good
    assert {reason: sorted(dead_letters(reason)) for reason in broken} == {reason: sorted(ids) for reason, ids in broken.items()}

    (schemas / "older.avsc").write_text(json.dumps(OLDER))
    with a_converter(schemas):
        left = dict.fromkeys(broken.keys() - {"unknown_schema"}, OF_EACH)
        assert replay(status=1) == {"brought_in": OF_EACH, "failed_again": left}
        assert replay("--reason", "unknown_schema", status=0) == {"brought_in": 0, "failed_again": {}}
        assert replay(status=1) == {"brought_in": 0, "failed_again": left}
    fixed = Counter(broken["unknown_schema"])
    assert Counter(row["event_id"] for row in converting.rows()) == good + fixed
    assert converting.accounts() == {"stored": MESSAGES - 4 * OF_EACH, "duplicates": 0, "dead_letters": 4 * OF_EACH}
