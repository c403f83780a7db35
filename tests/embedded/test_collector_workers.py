"""Several workers behind one address: they are changed one by one under load, die and come back, and are accounted for as one."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from support.collector import RunningCollector, a_body, an_event, an_id, milliseconds, start_collector, start_process
from support.converter_process import open_store
from support.load import Load
from support.topics import read_all
from support.waiting import wait_until

from streams.build import build_worker
from streams.settings import Settings
from topics.spools import SpoolReaders, spool_paths

RESTARTS = 20


class Running:
    """A collector with workers, and what it logs."""

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

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return sorted(child.pid for child in psutil.Process(self.collector.process.pid).children())

    def restart(self) -> None:
        """Change all workers, and wait until that has ended."""
        before = self.count("rolling restart done")
        self.collector.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.count("rolling restart done") > before, within_seconds=30)

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
    """Have everything converted that stands in the topic of a collector; give the ids of the rows."""
    store, readers = open_store(directory), SpoolReaders(directory / "topic", "converter")
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
    print(len(ids))
