"""`python -m headrace.store` alone over a topic: what is in hand when it is told to stop is committed, and the next start goes on."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from support.converter_process import open_store
from support.ports import free_ports
from support.streams import a_message, minute_of
from support.topics import no_failure
from support.waiting import wait_until

from headrace.supervisor import STOP_SECONDS
from topics.local import LocalTopic
from topics.readers import reader_accounts

ROOT = Path(__file__).parents[2]
EVENTS = 5000


def write_topic(folder: Path) -> None:
    """5,000 events of 200 visitors, durable in groups."""
    at = minute_of(time.time_ns() // 1_000_000)
    template = [a_message(event_id=f"{number:032x}", at=at, address=f"192.0.{number % 200}.0") for number in range(EVENTS)]

    async def write() -> None:
        topic = LocalTopic.open(folder / "topics" / "clickstream-avro", on_failure=no_failure)
        for first in range(0, EVENTS, 1000):
            await topic.append(template[first : first + 1000])
        topic.close()

    asyncio.run(write())


@contextmanager
def a_store(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    (port,) = free_ports(1)
    environment = os.environ | {
        "HEADRACE_STORE_TOPICS": str(folder / "topics"),
        "HEADRACE_STREAMS_SALTS": str(folder / "salts.json"),
        "HEADRACE_STREAMS_PLACES": str(folder / "places.mmdb"),
        "HEADRACE_STREAMS_BATCH_MESSAGES": "100",  # a long way to the end
        "HEADRACE_MINIDRUID_STORE": str(folder / "store.duckdb"),
        "HEADRACE_MINIDRUID_PORT": str(port),
    }
    with subprocess.Popen([sys.executable, "-m", "headrace.store"], cwd=ROOT, env=environment) as process:
        try:
            yield process, f"http://127.0.0.1:{port}/druid/v2/sql"
        finally:
            process.kill()


def count(url: str) -> int:
    try:
        answer = httpx.post(url, json={"query": "SELECT COUNT(*) AS n FROM clickstream"}, timeout=10, trust_env=False)
    except httpx.TransportError:
        return 0
    return int(answer.json()[0]["n"])


def accounted(folder: Path) -> int:
    accounts = reader_accounts(folder / "topics" / "clickstream-avro").get("converter", {})
    return sum(account["stored"] for account in accounts.values())


def rows_and_position(folder: Path) -> tuple[int, int, int]:
    store = open_store(folder)
    with store.cursor() as cursor:
        ((rows, ids),) = cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM druid.clickstream").fetchall()
    position = store.position("clickstream-avro")
    store.close()
    return rows, ids, position


def test_told_to_stop_amid_a_backlog_the_store_commits_what_is_in_hand_tells_its_accounts_and_goes_on_later(tmp_path: Path) -> None:
    write_topic(tmp_path)
    with a_store(tmp_path) as (process, url):
        wait_until(lambda: count(url) > 0, within_seconds=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    rows, ids, position = rows_and_position(tmp_path)
    assert 0 < rows == ids == accounted(tmp_path) < EVENTS
    with a_store(tmp_path) as (process, url):
        wait_until(lambda: accounted(tmp_path) == EVENTS, within_seconds=60)
        assert count(url) == EVENTS
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    rows, ids, end = rows_and_position(tmp_path)
    assert rows == ids == EVENTS
    assert end > position


def test_told_to_stop_while_a_query_runs_the_store_ends_in_time(tmp_path: Path) -> None:
    write_topic(tmp_path)
    with a_store(tmp_path) as (process, url):
        wait_until(lambda: count(url) > 1000, within_seconds=30)
        endless = (
            "SELECT COUNT(*) FROM clickstream a, clickstream b, clickstream c WHERE a.event_id < b.event_id AND b.event_id < c.event_id"
        )
        body = json.dumps({"query": endless}).encode()
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as asking:
            head = f"POST /druid/v2/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            asking.sendall(head.encode() + body)
            assert count(url) > 1000  # asked later
            assert select.select([asking], [], [], 0)[0] == [], "the endless one runs"
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
