"""`python -m headrace.store` alone with a topic: on a stop signal it commits its current batch, and the next start continues."""

import json
import re
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from support.headrace.store_process import a_store, accounted, count, write_topic
from support.streams.process import open_store
from support.waiting import wait_until

from headrace.processes.supervisor import STOP_SECONDS, responds

EVENTS = 5000
SLOWLY = {"HEADRACE_STREAMS_BATCH_MESSAGES": "100"}  # a long way to the end


def rows_and_position(folder: Path) -> tuple[int, int, int]:
    store = open_store(folder)
    with store.cursor() as cursor:
        ((rows, ids),) = cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM druid.clickstream").fetchall()
    position = store.position("clickstream-avro")
    store.close()
    return rows, ids, position


def test_on_a_stop_signal_during_a_backlog_the_store_commits_its_batch_reports_its_accounts_and_continues_later(tmp_path: Path) -> None:
    write_topic(tmp_path, range(EVENTS))
    with a_store(tmp_path, **SLOWLY) as (process, url):
        wait_until(lambda: count(url) > 0, within_seconds=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    rows, ids, position = rows_and_position(tmp_path)
    assert 0 < rows == ids == accounted(tmp_path) < EVENTS
    with a_store(tmp_path, **SLOWLY) as (process, url):
        wait_until(lambda: accounted(tmp_path) == EVENTS, within_seconds=60)
        assert count(url) == EVENTS
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    rows, ids, end = rows_and_position(tmp_path)
    assert rows == ids == EVENTS
    assert end > position


def test_a_store_that_cannot_commit_is_never_ready_and_its_last_line_says_why(tmp_path: Path) -> None:
    write_topic(tmp_path, range(EVENTS))
    seen: set[int] = set()
    with a_store(tmp_path, HEADRACE_MINIDRUID_MEMORY_LIMIT="4MB") as (process, url):
        while process.poll() is None:
            with suppress(httpx.TransportError):
                seen |= {httpx.get(urljoin(url, path), trust_env=False).status_code for path in ("/health/ready", "/status/health")}
        assert process.returncode == 1
    assert seen <= {503}
    *_, last = (tmp_path / "store.log").read_text().splitlines()
    assert re.fullmatch(r"\w.*Out of Memory Error: .+", last)


def test_a_store_is_ready_once_it_has_processed_what_waits_and_ends_without_a_report_of_leaks(tmp_path: Path) -> None:
    write_topic(tmp_path, range(EVENTS))
    with a_store(tmp_path) as (process, url):
        wait_until(lambda: responds(urljoin(url, "/health/ready")), within_seconds=30)
        assert httpx.get(urljoin(url, "/status/health"), trust_env=False).json() is True
        assert count(url) > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    assert "leaked" not in (tmp_path / "store.log").read_text()


def test_on_a_stop_signal_while_a_query_runs_the_store_ends_in_time(tmp_path: Path) -> None:
    write_topic(tmp_path, range(EVENTS))
    with a_store(tmp_path, **SLOWLY) as (process, url):
        wait_until(lambda: count(url) > 1000, within_seconds=30)
        endless = (
            "SELECT COUNT(*) FROM clickstream a, clickstream b, clickstream c WHERE a.event_id < b.event_id AND b.event_id < c.event_id"
        )
        body = json.dumps({"query": endless}).encode()
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as asking:
            head = f"POST /druid/v2/sql HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            asking.sendall(head.encode() + body)
            assert count(url) > 1000  # asked later
            assert select.select([asking], [], [], 0)[0] == [], "the endless one runs"
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
