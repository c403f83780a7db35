"""Statements that try to take the machine: each is answered or refused in time and memory, and rows arrive meanwhile."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import httpx
import psutil
import pytest
from attack.heavy_statements import statements
from fuzz.sql import Fuzzer, grammar_statements
from support.headrace.store_process import a_store, count
from support.minidruid.tables import RunningMinidruid, clickstream_rows, fill_clickstream, open_store, serve
from support.waiting import wait_until

from minidruid.storage import writer
from streams.sink import Batch

MAX_STORE_MB = 2 * 256 + 150
TIMEOUT_SECONDS = 0.3
MAX_SECONDS = 30  # until the response, four at a time on a machine that does other things
ENDLESS = "SELECT COUNT(*) AS n FROM clickstream a, clickstream b, clickstream c"


def test_no_heavy_statement_takes_more_than_its_time_and_memory(tmp_path: Path) -> None:
    fill_clickstream(tmp_path / "store.duckdb", 20_000)
    with a_store(tmp_path) as (process, url):
        wait_until(lambda: count(url) == 20_000, within_seconds=30)
        store, largest, ended = psutil.Process(process.pid), [0], threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                largest[0] = max(largest[0], store.memory_info().rss)

        def ask(named: tuple[str, str]) -> tuple[str, int]:
            body = {"query": named[1], "context": {"timeout": TIMEOUT_SECONDS * 1000}}
            answer = httpx.post(url, json=body, timeout=MAX_SECONDS, trust_env=False)
            return named[0], answer.status_code

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(ask, statements().items()))
        ended.set()
        watcher.join()
        assert process.poll() is None
        assert count(url) == 20_000
    assert {status for _, status in answers} <= {200, 400, 500, 501, 504}
    assert largest[0] < MAX_STORE_MB * 1_000_000


def test_no_statement_of_the_grammar_breaks_a_bound(tmp_path: Path) -> None:
    fill_clickstream(tmp_path / "store.duckdb", 1000)
    store = open_store(tmp_path / "store.duckdb")
    with serve(store) as server:
        fuzzer = Fuzzer(server.url)
        fault = fuzzer.run(grammar_statements(150, seed=10))
    store.close()
    assert fault == ""
    assert fuzzer.outcomes["200"] > 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    path = tmp_path_factory.mktemp("statements") / "store.duckdb"
    fill_clickstream(path, 5000)
    store = open_store(path)
    with serve(store, concurrent_queries=1, waiting_queries=0) as server:
        yield server
    store.close()


def answered_again(server: RunningMinidruid) -> bool:
    return httpx.post(server.url, json={"query": "SELECT 1 AS a"}).status_code == 200


def test_a_client_that_leaves_ends_its_query(server: RunningMinidruid) -> None:
    body = b'{"query": "%s"}' % ENDLESS.encode()
    head = b"POST /druid/v2/sql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head + body)
        wait_until(lambda: not answered_again(server))
    wait_until(lambda: answered_again(server))


def test_a_running_query_is_cancelled_by_its_id(server: RunningMinidruid) -> None:
    with ThreadPoolExecutor(1) as threads:
        body = {"query": ENDLESS, "context": {"sqlQueryId": "mine"}}
        running = threads.submit(httpx.post, server.url, json=body, timeout=30)
        wait_until(lambda: httpx.delete(f"{server.url}/mine").status_code == 202)
        answer = running.result()
    assert (answer.status_code, answer.json()["category"]) == (500, "CANCELED")
    assert answer.json()["errorMessage"] == "Query is canceled [mine]"
    assert httpx.delete(f"{server.url}/mine").status_code == 404
    wait_until(lambda: answered_again(server))


def test_rows_are_committed_once_each_while_queries_take_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is written to the file all the time, which without memory would make the database unusable."""
    monkeypatch.setattr(writer, "CHECKPOINT_BYTES", 1_000_000)
    fill_clickstream(tmp_path / "store.duckdb", 20_000)
    store, ended, answers = open_store(tmp_path / "store.duckdb"), threading.Event(), Counter[str]()
    hungry = [
        "SELECT length(string_agg(a.page_url, ',')) FROM druid.clickstream a, druid.clickstream b",
        "SELECT len(array_agg(a.event_id)) FROM druid.clickstream a, druid.clickstream b",
        "SELECT a.event_id, b.event_id, count(*) FROM druid.clickstream a, druid.clickstream b GROUP BY 1, 2 ORDER BY 3 LIMIT 1",
    ]

    def hunger(sql: str) -> None:
        while not ended.is_set():
            with store.reading() as cursor:
                try:
                    cursor.execute(sql).fetchmany(1)
                except duckdb.Error as error:
                    answers[type(error).__name__] += 1

    rows = list(clickstream_rows(300))
    with ThreadPoolExecutor(3) as threads:
        for sql in hungry:
            threads.submit(hunger, sql)
        began, committed = time.monotonic(), 0
        while time.monotonic() - began < 4 or not answers:
            committed += 1
            store.commit(Batch("t", 20_000 + committed, rows=rows))
        ended.set()
        with store._readers.paused(0, 10) as is_quiet:
            assert is_quiet
    ((stored,),) = store.cursor().execute("SELECT count(*) FROM druid.clickstream").fetchall()
    store.close()
    assert stored == 20_000 + 300 * committed
