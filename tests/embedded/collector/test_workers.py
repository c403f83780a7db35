"""Several workers behind one port: they are restarted one by one under load, crash and recover, and have one ledger."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from google_crc32c import value as crc32c
from support.collector.collectors import a_body, an_event, an_id, milliseconds, start_collector, start_process
from support.collector.load import Load
from support.streams.process import open_store
from support.topics.in_memory import fill, messages, read_all
from support.waiting import wait_until

from streams.build import build_worker
from streams.settings import Settings
from topics.local.lock import lock, unlock
from topics.local.spools import SpoolConsumers, spool_path, spool_paths

DEFAULT_MAPPING = Path(__file__).resolve().parents[3] / "mapping" / "clickstream.py"
DEATH_AND_START = ("worker ended, starting another", "worker started")
RESTARTS = 20


class Running:
    """A collector with workers, and its log."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.collector = start_collector(directory, **settings)
        self.logged = list(self.collector.before_ready)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        for line in self.collector.process.stdout or ():
            self.logged.append(msgspec.json.decode(line))

    def close(self) -> None:
        self._reading.join(10)
        for pipe in (self.collector.process.stdout, self.collector.process.stderr):
            assert pipe is not None
            pipe.close()

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.logged)

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until an event has been logged a number of times."""
        wait_until(lambda: self.count(event) >= times, within_seconds=30)

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return sorted(child.pid for child in psutil.Process(self.collector.process.pid).children())

    def restart(self) -> None:
        """Restart all workers, and wait until the restart has ended."""
        before = self.count("rolling restart done")
        self.collector.process.send_signal(signal.SIGHUP)
        self.wait_for("rolling restart done", before + 1)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.collector.internal_url + path, trust_env=False, timeout=20)

    def post(self, number: int) -> httpx.Response:
        sent = milliseconds()
        body = a_body(an_event(number, created_at=sent), sent_at=sent)
        return httpx.post(self.collector.url + "/h", content=body, trust_env=False, timeout=20)


@contextmanager
def running(directory: Path, *, workers: int = 2, **settings: object) -> Iterator[Running]:
    found = Running(directory, workers=workers, **settings)
    try:
        yield found
    finally:
        if found.collector.process.poll() is None:
            found.collector.process.terminate()
        assert found.collector.process.wait(20) == 0
        found.close()


def converted(directory: Path) -> list[str]:
    """Convert everything in the topic of a collector; return the ids of the rows."""
    store, readers = open_store(directory), SpoolConsumers(directory / "topic", "converter")
    settings = Settings(salts=directory / "secrets" / "salts.json", places=directory / "places.mmdb")
    worker = build_worker(readers, store, settings)
    while worker.step():
        pass
    worker.release()
    with store.cursor() as cursor:
        rows = cursor.execute("SELECT event_id FROM druid.clickstream").fetchall()
    store.close()
    readers.close()
    return [event_id for (event_id,) in rows]


def stored_ids(directory: Path) -> list[str]:
    return [message.event_id for path in spool_paths(directory / "topic").values() for message in read_all(path)]


@pytest.mark.timeout(360)  # forty starts of a worker
def test_twenty_rolling_restarts_under_load_fail_no_request_and_each_event_is_one_row(tmp_path: Path) -> None:
    with running(tmp_path) as found:
        with Load(found.collector.port) as load:
            for _ in range(RESTARTS):
                found.restart()
        ids = converted(tmp_path)
        total = found.get("/ledger").json()["total"]
    assert load.failures == []
    assert sorted(ids) == sorted(load.acknowledged)
    assert (total["received"], total["stored"], total["difference"]) == (len(ids), len(ids), 0)
    assert len(ids) > 300 * RESTARTS / 4
    assert len(spool_paths(tmp_path / "topic")) - 1 <= 2 * 2


def test_a_killed_worker_comes_back_and_what_its_spool_holds_is_rows(tmp_path: Path) -> None:
    with running(tmp_path) as found, Load(found.collector.port, keeping=0, per_second=20) as load:
        wait_until(lambda: len(load.acknowledged) > 20)
        first, second = found.workers()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: found.count("worker started") == 3 and len(found.workers()) == 2)
        assert second in found.workers()
        enough = len(load.acknowledged) + 20
        wait_until(lambda: len(load.acknowledged) > enough)
        os.kill(second, signal.SIGKILL)
        found.wait_for("worker started", 4)
    ids = converted(tmp_path)
    assert set(load.acknowledged) <= set(ids)
    assert len(ids) == len(set(ids))


def test_on_a_stop_signal_all_workers_drain_and_end(tmp_path: Path) -> None:
    with running(tmp_path, workers=3) as found:
        pids = found.workers()
        assert len(pids) == 3
        found.post(1)
        found.collector.process.send_signal(signal.SIGINT)
        assert found.collector.process.wait(20) == 0
        assert not any(map(psutil.pid_exists, pids))
    assert stored_ids(tmp_path) == [an_id(1)]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    found = Running(tmp_path, workers=2)
    workers = [psutil.Process(pid) for pid in found.workers()]
    found.collector.process.kill()
    found.collector.process.wait(10)
    found.close()
    wait_until(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers))


def test_a_faulty_mapping_ends_a_rolling_restart_and_the_old_workers_stay(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.py"
    mapping.write_text(DEFAULT_MAPPING.read_text("utf-8"), "utf-8")
    with running(tmp_path, mapping_file=mapping) as found:
        before = found.workers()
        mapping.write_text("nonsense()\n", "utf-8")
        found.collector.process.send_signal(signal.SIGHUP)
        found.wait_for("rolling restart stopped, a new worker did not start; the old ones stay")
        assert found.workers() == before
        assert found.post(1).json() == {"results": ["ok"]}
        mapping.write_text(DEFAULT_MAPPING.read_text("utf-8"), "utf-8")
        found.restart()
        assert not set(found.workers()) & set(before)
        assert found.post(2).json() == {"results": ["ok"]}


def outcome(directory: Path, **settings: object) -> tuple[int, list[str]]:
    process = start_process(directory, workers=3, **settings)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors.splitlines()


def test_a_faulty_mapping_is_reported_once_and_no_worker_starts(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.py"
    mapping.write_text("from mapping import *\nmap_(page_title()).onto('page_titel')\n", "utf-8")
    status, lines = outcome(tmp_path, mapping_file=mapping)
    assert status == 2
    assert sum("page_titel" in line for line in lines) == 1
    assert not (tmp_path / "topic").exists()


def test_an_error_at_the_start_of_a_worker_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not hexadecimal", "utf-8")
    status, lines = outcome(tmp_path, key_file=tmp_path / "key")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("HEADRACE_COLLECTOR_KEY_FILE: ")


def test_a_second_collector_on_a_topic_with_workers_is_refused(tmp_path: Path) -> None:
    with running(tmp_path):
        for settings in ({"workers": 1}, {"workers": 2}):
            process = start_process(tmp_path, **settings)
            _, errors = process.communicate(timeout=30)
            assert process.returncode == 1
            assert errors.startswith("HEADRACE_COLLECTOR_TOPIC_DIRECTORY: ")


def test_whichever_worker_is_asked_answers_for_all(tmp_path: Path) -> None:
    with running(tmp_path) as found:
        for number in range(20):
            found.post(number)
        counts = {int(path or -1): len(read_all(paths)) for path, paths in spool_paths(tmp_path / "topic").items()}
        assert sum(counts.values()) == 20
        for _ in range(8):  # the kernel chooses who is asked
            assert found.get("/health/ready").json() == {"status": "ready"}
            assert found.get("/ledger").json()["total"]["received"] == 20
            text = found.get("/metrics").text
            for worker in (0, 1):
                assert f'clickstream_collector_worker_answers{{worker="{worker}"}} 1.0' in text
                line = f'clickstream_collector_events_total{{result="ok",source="browser",worker="{worker}"}} {float(counts[worker])}'
                assert line in text or not counts[worker]


def test_a_worker_that_does_not_answer_is_named_and_its_part_of_the_ledger_read_from_its_files(tmp_path: Path) -> None:
    with running(tmp_path) as found:
        for number in range(20):
            found.post(number)
        stopped = psutil.Process(found.workers()[0])
        stopped.suspend()
        try:
            answer = until_answered(found, "/health/ready").json()
            assert (answer["status"], answer["message"].partition(": ")[2]) == ("ready", "it does not respond")
            assert until_answered(found, "/ledger").json()["total"]["received"] == 20
            assert 'worker_answers{worker="' in (text := until_answered(found, "/metrics").text)
            assert sorted(line[-3:] for line in text.splitlines() if line.startswith("clickstream_collector_worker_answers")) == [
                "0.0",
                "1.0",
            ]
        finally:
            stopped.resume()


def until_answered(found: Running, path: str) -> httpx.Response:
    """Connect until the connection belongs to a worker that is not suspended."""
    answers: list[httpx.Response] = []

    def ask() -> bool:
        with suppress(httpx.TimeoutException):
            answers.append(httpx.get(found.collector.internal_url + path, trust_env=False, timeout=3))
        return bool(answers)

    wait_until(ask, within_seconds=60)
    return answers[0]


def test_from_one_process_to_several_and_back_nothing_is_lost(tmp_path: Path) -> None:
    for first, workers in enumerate((1, 2, 3, 1)):
        if workers == 1:
            collector = start_collector(tmp_path)
            url, internal = collector.url, collector.internal_url
            send_ten(url, first * 10)
            received = httpx.get(internal + "/ledger", trust_env=False).json()["total"]["received"]
            assert collector.stop() == 0
        else:
            with running(tmp_path, workers=workers) as found:
                send_ten(found.collector.url, first * 10)
                received = found.get("/ledger").json()["total"]["received"]
        assert received == first * 10 + 10
    assert sorted(converted(tmp_path)) == [an_id(number) for number in range(40)]
    collector = start_collector(tmp_path)
    total = httpx.get(collector.internal_url + "/ledger", trust_env=False).json()["total"]
    assert collector.stop() == 0
    assert (total["received"], total["stored"], total["difference"]) == (40, 40, 0)
    assert not [path for folder in spool_paths(tmp_path / "topic").values() for path in folder.glob("*.segment")]


def send_ten(url: str, first: int) -> None:
    with httpx.Client(trust_env=False) as client:
        for number in range(first, first + 10):
            sent = milliseconds()
            assert client.post(url + "/h", content=a_body(an_event(number, created_at=sent), sent_at=sent)).json() == {"results": ["ok"]}


def test_an_idle_connection_is_announced_as_closing_before_it_closes(tmp_path: Path) -> None:
    unlimited = httpx.Limits(keepalive_expiry=None)  # only the collector closes the connection
    with running(tmp_path, drain_timeout_seconds=15) as found, httpx.Client(trust_env=False, timeout=20, limits=unlimited) as client:
        assert client.post(found.collector.url + "/h", content=a_body(an_event(1))).status_code == 200
        found.restart()  # though the connection stays, it does not wait for it
        answer = client.post(found.collector.url + "/h", content=a_body(an_event(2)))
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        answer = client.post(found.collector.url + "/h", content=a_body(an_event(3)))
        assert (answer.status_code, answer.headers.get("connection")) == (200, "keep-alive")
    assert sorted(stored_ids(tmp_path)) == [an_id(1), an_id(2), an_id(3)]


def test_a_connection_that_stays_idle_is_closed_after_the_time_to_drain(tmp_path: Path) -> None:
    with running(tmp_path, drain_timeout_seconds=1) as found, socket.create_connection(("127.0.0.1", found.collector.port), 20) as idle:
        wait_until(lambda: bool(found.get("/health/live")))
        found.restart()
        assert idle.recv(1) == b""


def test_a_spool_that_somebody_else_writes_to_is_passed_over(tmp_path: Path) -> None:
    spool = spool_path(tmp_path / "topic", 0)
    spool.mkdir(parents=True)
    held = lock(spool / "lock")  # by a worker whose parent was killed
    try:
        with running(tmp_path) as found:
            found.post(1)
    finally:
        unlock(held)
    assert sorted(path.name for path in spool.parent.iterdir()) == ["0", "1", "2"]
    assert stored_ids(tmp_path) == [an_id(1)]


def test_a_crashing_worker_is_restarted_with_backoff_and_there_are_never_more_than_configured(tmp_path: Path) -> None:
    with running(tmp_path) as found:
        for died in range(1, 3):
            os.kill(found.workers()[0], signal.SIGKILL)
            found.wait_for("worker started", 2 + died)
        at = [datetime.fromisoformat(line["timestamp"]) for line in found.logged if line["event"] in DEATH_AND_START]
        assert (at[-1] - at[-2]).total_seconds() > 1
        os.kill(found.workers()[0], signal.SIGKILL)
        found.restart()
        wait_until(lambda: len(found.workers()) == 2)


def test_a_spool_that_cannot_be_tidied_hinders_nobody(tmp_path: Path) -> None:
    newer = spool_path(tmp_path / "topic", 7)
    fill(newer, messages(1))
    (segment,) = newer.glob("*.segment")
    start = b"headrace" + (99).to_bytes(4, "little")
    segment.write_bytes(start + crc32c(start).to_bytes(4, "little"))
    (newer / "ledger.json").unlink()
    with running(tmp_path) as found:
        assert found.count("spool not cleaned up, will retry") >= 1
        assert found.post(1).json() == {"results": ["ok"]}
