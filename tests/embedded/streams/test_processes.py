"""The converter killed at every point of its way, over a real topic and a real store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.streams.in_memory import a_message, a_record, a_rejection, minute_of
from support.streams.process import POINTS, open_store
from support.topics.in_memory import fill
from support.waiting import wait_until

from topics.local.consumers import consumer_accounts
from topics.local.reader import LocalReader

ROOT = Path(__file__).parents[3]
EVENTS = 3000
VISITORS = 150


@contextmanager
def a_converter(folder: Path, *crash: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "support.streams.process", str(folder), *crash]
    with subprocess.Popen(command, env=environment, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def write_topic(folder: Path) -> None:
    """3,000 events of 150 visitors, each tenth sent twice, some rejected, some unreadable."""
    messages, at = [], minute_of(time.time_ns() // 1_000_000)
    for number in range(EVENTS):
        record = a_record(
            event_id=f"{number:032x}", at=at + number, address=f"192.0.{number * VISITORS // EVENTS}.0", page_path=f"/{number}"
        )
        messages.append(a_message(record))
        if number % 10 == 0:
            messages.append(a_message(record | {"received_at": at + number + 5}))
        if number % 100 == 0:
            messages += [a_rejection("invalid_text", at=at), a_message(at=at, parameters="nonsense")]
    fill(folder / "topic", messages)


def test_killed_at_any_point_each_event_is_one_row_and_everything_is_accounted_for(tmp_path: Path) -> None:
    write_topic(tmp_path)
    for point in POINTS:
        with a_converter(tmp_path, point, "2") as killed:
            assert killed.wait(timeout=60) == -signal.SIGKILL, point
    reader = LocalReader.open(tmp_path / "topic", "converter")
    with a_converter(tmp_path) as last:
        wait_until(lambda: LocalReader.open(tmp_path / "topic", "converter").position == reader.high_watermark(), within_seconds=60)
        last.send_signal(signal.SIGTERM)
        assert last.wait(timeout=60) == 0
    reader.close()

    store = open_store(tmp_path)
    with store.cursor() as cursor:
        ids = cursor.execute("SELECT count(*), count(DISTINCT event_id), count(DISTINCT session_id) FROM druid.clickstream").fetchall()
        numbered = cursor.execute(
            "SELECT count(*) FROM (SELECT session_page_number, row_number() OVER (PARTITION BY session_id ORDER BY __time) AS expected "
            "FROM druid.clickstream) WHERE session_page_number != expected"
        ).fetchall()
    store.close()
    assert ids == [(EVENTS, EVENTS, VISITORS)]
    assert numbered == [(0,)], "the pages of each session are numbered without a gap"
    [account] = consumer_accounts(tmp_path / "topic")["converter"].values()
    outcomes = {"stored": EVENTS, "duplicates": EVENTS // 10, "rejected": EVENTS // 100, "dead_letters": EVENTS // 100}
    assert account == outcomes | {"deleted": 0}
