"""Files on disk are private to their owner, and truncated or edited files are rejected with a remedy."""

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from support.collector.collectors import an_event, milliseconds, start_collector, start_process
from support.headrace.installation import Installation
from support.modes import open_to_others
from support.waiting import wait_until

from headrace.errors import CommandError
from headrace.processes.installation import StateFolder
from streams.errors import SaltsError
from streams.kafka.shared_salts import SharedSalts, Value
from streams.sessions.salts import DAY_MS, LIFETIME_MS, Salt, Salts

NOW = 1_795_003_200_000
DAY = NOW // DAY_MS


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def send(url: str) -> None:
    now = milliseconds()
    body = msgspec.json.encode({"version": 1, "site": "shop", "sent_at": now, "events": [an_event(created_at=now)]})
    assert httpx.post(f"{url}/h", content=body, trust_env=False).json() == {"results": ["ok"]}


def test_an_installation_is_closed_to_others_and_closes_what_an_earlier_release_left_open(tmp_path: Path) -> None:
    state = tmp_path / "var"
    with umask(0):
        for folder in ("logs", "store", "superset", "topics/clickstream-avro/readers", "secrets"):
            (state / folder).mkdir(parents=True)
        (state / "logs" / "collector.log").write_text("")
        (state / "superset" / "superset.db").write_text("")
        (state / "run.old").write_text("")
        (state / "topics" / "clickstream-avro" / "readers" / "other.json").write_text("{}")
        installation = Installation.start(state, "--no-dashboards", "--no-visits")
        try:
            send(f"http://127.0.0.1:{installation.collector_port}")
            wait_until(lambda: installation.count() == 1)
            (state / "up.log").chmod(0o600)  # the test's own
            assert open_to_others(state) == []
        finally:
            assert installation.stop() == 0
    assert open_to_others(state) == []
    assert (state / "run.json").exists()


@pytest.mark.parametrize(("workers", "bits"), [(1, 0o022), (2, 0)])
def test_a_collector_alone_closes_its_topic(tmp_path: Path, bits: int, workers: int) -> None:
    with umask(bits):
        (tmp_path / "var").mkdir(mode=0o700)
        collector = start_collector(tmp_path / "var", workers=workers) if workers == 1 else None
        process = collector.process if collector else start_process(tmp_path / "var", workers=workers)
        try:
            wait_until(lambda: list((tmp_path / "var").rglob("end")) or list((tmp_path / "var").rglob("ledger.json")))
            if collector:
                send(collector.url)
            assert open_to_others(tmp_path / "var") == []
        finally:
            process.terminate()
            process.communicate(timeout=20)
    assert open_to_others(tmp_path / "var") == []


def test_a_folder_that_all_users_share_is_not_taken(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(CommandError, match="is shared by all users of this machine; select a private folder with --state"):
        StateFolder(shared).prepare()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


@pytest.mark.parametrize("content", ["", "\n", "5e" * 31, "not hexadecimal at all"])
def test_a_collector_does_not_start_on_a_key_that_was_cut_short(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text(content)
    process = start_process(tmp_path)
    _, output = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "HEADRACE_COLLECTOR_KEY_FILE: " in output
    assert "key: not a valid secret" in output
    assert "write 64 hexadecimal digits into it, or delete it to generate a new one" in output


RUN: Mapping[str, Any] = {
    "supervisor": {"pid": 11, "created": 2.5},
    "host": "127.0.0.1",
    "ports": {"collector": 1, "sql": 2},
    "processes": {"collector": {"pid": 13, "created": 4}},
}
WRONG: tuple[object, ...] = (
    *(None, True, -1, 0, 2.5, 1 << 40, float("inf"), "text", "", [], [1], {}),
    *({"pid": 1}, {"pid": "1", "created": 2}, {"a": "b"}),
)
# What is right for a field beside the value that it has above.
RIGHT: Mapping[str, Sequence[object]] = {
    "supervisor.pid": (),
    "supervisor.created": (0, 2.5, 1 << 40),
    "host": ("text",),
    "ports": ({}, {"pid": 1}),
    "ports.collector": (),
    "processes": ({},),
    "processes.collector": (),
    "supervisor": (),
    "processes.collector.pid": (),
    "processes.collector.created": (0, 2.5, 1 << 40),
}


def changed(field: str, value: object) -> str:
    content = json.loads(json.dumps(RUN))
    inner = content
    *path, last = field.split(".")
    for name in path:
        inner = inner[name]
    inner[last] = value
    return json.dumps(content)


@pytest.mark.parametrize("field", RIGHT)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_run_file_with_a_value_of_another_type_is_damaged(tmp_path: Path, field: str, value: object) -> None:
    (tmp_path / "run.json").write_text(changed(field, value))
    is_right = any(type(value) is type(right) and value == right for right in RIGHT[field])
    if is_right or (field == "processes" and value == {}):
        assert StateFolder(tmp_path).read_run() is not None
        return
    with pytest.raises(CommandError, match=r"run\.json is damaged \(.*\); stop headrace and delete it"):
        StateFolder(tmp_path).read_run()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"null", b"{}", b'{"host": 1', b"[" * 100_000, b"\0" * 64])
def test_a_run_file_that_holds_something_else_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(CommandError, match=r"run\.json is damaged"):
        StateFolder(tmp_path).running()


def test_a_run_file_without_a_port_says_so(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(changed("ports", {}))
    with pytest.raises(CommandError, match=r"run\.json has no port for sql"):
        StateFolder(tmp_path).running().url("sql")


def test_a_run_file_that_is_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(CommandError, match=r"run\.json cannot be read: Is a directory"):
        StateFolder(tmp_path).read_run()


@pytest.mark.parametrize("ahead_ms", [120_000, DAY_MS, 20 * LIFETIME_MS])
def test_a_salt_made_under_a_clock_that_was_ahead_goes_when_the_clock_is_right(tmp_path: Path, ahead_ms: int) -> None:
    path = tmp_path / "salts.json"
    Salts.open(path).renew([DAY, DAY + 1], NOW + ahead_ms)
    salts = Salts.open(path)
    of_wrong_clock = salts.of(DAY)
    assert of_wrong_clock is not None
    salts.renew([], NOW)
    assert salts.of(DAY) is None
    assert of_wrong_clock.hex() not in path.read_text()
    salts.renew([DAY], NOW)
    assert salts.of(DAY) not in (None, of_wrong_clock)


@pytest.mark.parametrize(
    "salt",
    [
        {"secret": "", "made_at": NOW},
        {"secret": "5e" * 31, "made_at": NOW},
        {"secret": "xy" * 32, "made_at": NOW},
        {"secret": "5e" * 32, "made_at": -1},
        {"secret": "5e" * 32, "made_at": "1"},
        {"secret": "5e" * 32, "made_at": 1.5},
        {"secret": 5, "made_at": NOW},
        {"secret": "5e" * 32},
    ],
)
def test_a_salt_that_is_short_or_of_another_type_is_refused(tmp_path: Path, salt: object) -> None:
    (tmp_path / "salts.json").write_text(json.dumps({str(DAY): salt}))
    with pytest.raises(SaltsError, match=r"salts\.json: not a valid file of salts .* delete it"):
        Salts.open(tmp_path / "salts.json")


class Topic:
    """The topic of salts in memory: each reader reads on from where it was."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def reader(self) -> "TopicReader":
        return TopicReader(self)


class Written(msgspec.Struct, frozen=True):
    value: bytes | None


class TopicReader:
    def __init__(self, topic: Topic) -> None:
        self._topic, self._next = topic, 0

    def append(self, values: Sequence[tuple[bytes, bytes]]) -> None:
        self._topic.values += [value for _, value in values]

    def read(self) -> Sequence[Value]:
        found = [Written(value) for value in self._topic.values[self._next :]]
        self._next = len(self._topic.values)
        return found


def test_converters_agree_on_another_salt_when_the_clock_of_one_was_ahead() -> None:
    topic = Topic()
    Salts(SharedSalts(topic.reader())).renew([DAY], NOW + DAY_MS)
    first = Salts(SharedSalts(topic.reader()))
    of_wrong_clock = first.of(DAY)
    first.renew([DAY], NOW)
    second = Salts(SharedSalts(topic.reader()))
    second.renew([DAY], NOW + 1000)
    assert first.of(DAY) == second.of(DAY) != of_wrong_clock
    written = len(topic.values)
    for later in range(10):
        first.renew([DAY], NOW + later)
        second.renew([DAY], NOW + later)
    assert len(topic.values) == written


def test_a_message_that_is_not_a_salt_is_skipped() -> None:
    topic = Topic()
    salt = {"day": DAY, "secret": "", "made_at": NOW}
    topic.values = [b"", b"null", b"{", msgspec.json.encode(salt), msgspec.json.encode(salt | {"secret": 5})]
    salts = Salts(SharedSalts(topic.reader()))
    assert salts.of(DAY) is None
    salts.renew([DAY], NOW)
    assert len(salts.of(DAY) or b"") == 32


def test_clocks_a_moment_apart_share_a_salt() -> None:
    assert Salt(b"", NOW + 1000).is_valid(NOW)
