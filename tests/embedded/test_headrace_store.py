"""`python -m headrace.store` alone over a topic: what is in hand when it is told to stop is committed, and the next start goes on."""

import json
import select
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

from support.converter_process import open_store
from support.store_process import a_store, accounted, count, write_topic
from support.waiting import wait_until

from headrace.supervisor import STOP_SECONDS

EVENTS = 5000
SLOWLY = {"HEADRACE_STREAMS_BATCH_MESSAGES": "100"}  # a long way to the end


def rows_and_position(folder: Path) -> tuple[int, int, int]:
    store = open_store(folder)
    with store.cursor() as cursor:
        ((rows, ids),) = cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM druid.clickstream").fetchall()
    position = store.position("clickstream-avro")
    store.close()
    return rows, ids, position


def test_told_to_stop_amid_a_backlog_the_store_commits_what_is_in_hand_tells_its_accounts_and_goes_on_later(tmp_path: Path) -> None:
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


def test_told_to_stop_while_a_query_runs_the_store_ends_in_time(tmp_path: Path) -> None:
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
