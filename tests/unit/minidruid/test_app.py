"""The HTTP side: formats, headers, errors, bounds, settings."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import httpx
import pytest
from support.minidruid.tables import CLOCK, RunningMinidruid, ask, clickstream_rows, engine_over, open_store, serve, write_events
from support.waiting import wait_until

from minidruid.app import create_app, utc_now
from minidruid.engine import Execution, to_query_error
from minidruid.errors import QueryError
from minidruid.settings import Settings
from minidruid.storage.store import Store
from streams.sink import Batch, Session
from topics.accounts import Account

TWO = 'SELECT "__time", country, load_time FROM events WHERE country = \'Japan\' ORDER BY "__time" LIMIT 2'
ENDLESS = "SELECT COUNT(*) AS n FROM events a, events b, events c"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    path = tmp_path_factory.mktemp("app") / "events.duckdb"
    write_events(path)
    store = open_store(path)
    with serve(store, concurrent_queries=2, waiting_queries=1, max_rows=5000, max_body_bytes=100_000) as server:
        yield server
    store.close()


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store[Session, Account]]:
    store = open_store(tmp_path_factory.mktemp("small") / "store.duckdb")
    store.commit(Batch("t", 1, rows=list(clickstream_rows(20))))
    yield store
    store.close()


def post(server: RunningMinidruid, query: str, **request: Any) -> httpx.Response:
    return httpx.post(server.url, json={"query": query, **request}, timeout=60)


def test_both_spellings_of_the_path_answer(server: RunningMinidruid) -> None:
    body = {"query": "SELECT 1 AS a", "context": {}, "header": False}
    assert [httpx.post(url, json=body).json() for url in (server.url, f"{server.url}/")] == [[{"a": 1}]] * 2


def test_health_and_status_are_druids(server: RunningMinidruid) -> None:
    root = server.url.removesuffix("/druid/v2/sql")
    assert httpx.get(f"{root}/status/health").json() is True
    assert httpx.get(f"{root}/status").json()["version"] == "33.0.0"


def test_only_post_is_taken(server: RunningMinidruid) -> None:
    assert httpx.get(server.url).status_code == 405


def test_an_object_header_has_the_names(server: RunningMinidruid) -> None:
    answer = post(server, TWO, header=True)
    assert answer.headers["X-Druid-SQL-Header-Included"] == "yes"
    header, *rows = answer.json()
    assert header == {"__time": None, "country": None, "load_time": None}
    assert [row["country"] for row in rows] == ["Japan", "Japan"]


def test_an_object_header_may_have_the_types(server: RunningMinidruid) -> None:
    header = post(server, TWO, header=True, typesHeader=True, sqlTypesHeader=True).json()[0]
    assert header["__time"] == {"type": "LONG", "sqlType": "TIMESTAMP"}
    assert header["load_time"] == {"type": "DOUBLE", "sqlType": "DOUBLE"}


def test_an_array_answer_has_its_headers_first(server: RunningMinidruid) -> None:
    lines = post(server, TWO, resultFormat="array", header=True, typesHeader=True, sqlTypesHeader=True).json()
    assert lines[:3] == [["__time", "country", "load_time"], ["LONG", "STRING", "DOUBLE"], ["TIMESTAMP", "VARCHAR", "DOUBLE"]]
    assert [len(line) for line in lines[3:]] == [3, 3]


@pytest.mark.parametrize("name", ["objectLines", "arrayLines"])
def test_lines_end_with_an_empty_one(name: str, server: RunningMinidruid) -> None:
    answer = post(server, TWO, resultFormat=name, header=True)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.endswith("\n\n")
    assert [len(json.loads(line)) for line in answer.text.split("\n")[:-2]] == [3, 3, 3]


def test_csv_quotes_what_needs_it(server: RunningMinidruid) -> None:
    answer = post(server, "SELECT 'a,\"b\"\\' AS x, NULL AS y, 1 = 1 AS z", resultFormat="csv", header=True)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text == 'x,y,z\n"a,""b""\\",,true\n\n'


def test_an_empty_answer_is_an_empty_list(server: RunningMinidruid) -> None:
    assert post(server, "SELECT country FROM events WHERE 1 = 0").text == "[]\n"


def test_a_backslash_is_written_so_that_pydruid_reads_it(server: RunningMinidruid) -> None:
    answer = post(server, "SELECT 'a\\' AS x, '\"\\' AS y")
    assert answer.text == '[{"x":"a\\u005c","y":"\\"\\u005c"}]\n'
    assert answer.json() == [{"x": "a\\", "y": '"\\'}]


def test_the_query_id_comes_back(server: RunningMinidruid) -> None:
    assert post(server, "SELECT 1", context={"sqlQueryId": "mine"}).headers["X-Druid-SQL-Query-Id"] == "mine"
    assert len(post(server, "SELECT 1").headers["X-Druid-SQL-Query-Id"]) == 36


def test_a_query_id_cannot_forge_a_header(server: RunningMinidruid) -> None:
    headers = post(server, "SELECT 1", context={"sqlQueryId": "a\r\nX-Forged: 1ä"}).headers
    assert "X-Forged" not in headers


@pytest.mark.parametrize("query_id", ["a\0b", "\x01", "a\x7fb", " a ", "\t", "ä"])
def test_a_query_id_that_no_header_may_hold_has_an_answer(server: RunningMinidruid, query_id: str) -> None:
    answer = post(server, "SELECT 1 AS a", context={"sqlQueryId": query_id})
    assert (answer.status_code, answer.text) == (200, '[{"a":1}]\n')


def test_an_error_has_druids_shape(server: RunningMinidruid) -> None:
    answer = post(server, "SELECT NOPE(1)")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "druidException",
        "errorCode": "invalidInput",
        "persona": "USER",
        "category": "INVALID_INPUT",
        "errorMessage": "No match found for function signature NOPE(<NUMERIC>) (line [1], column [8])",
        "context": {},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "must be a JSON object"),
        (b"SELECT 1", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'{"query": 1}', "must be a JSON object"),
        (b'{"context": {}}', "must be a JSON object"),
        (b'{"query": "\xff"}', "must be a JSON object"),
        (b'{"query": "SELECT 1", "context": ' + b"[" * 10_000, "must be a JSON object"),
        (b'{"query": "SELECT 1", "resultFormat": "xml"}', "Unknown resultFormat [xml]"),
        (b'{"query": "SELECT \'\\u0000\'"}', "NUL"),
        (b'{"query": "' + b"x" * 200_000 + b'"}', "more than 100000 bytes"),
    ],
)
def test_a_bad_body_is_a_400(body: bytes, message: str, server: RunningMinidruid) -> None:
    answer = httpx.post(server.url, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert message in answer.json()["errorMessage"]


def test_an_answer_of_too_many_rows_is_refused(server: RunningMinidruid) -> None:
    answer = post(server, "SELECT country FROM events")
    assert (answer.status_code, answer.json()["category"]) == (400, "RESOURCE_LIMIT_EXCEEDED")
    assert "more than 5000 rows" in answer.json()["errorMessage"]


def test_an_answer_of_too_many_bytes_is_refused(small_store: Store[Session, Account]) -> None:
    with pytest.raises(QueryError, match="more than 1000 bytes"):
        ask(engine_over(small_store, max_result_bytes=1000), "SELECT * FROM clickstream")


def test_a_slow_query_is_interrupted(server: RunningMinidruid) -> None:
    answer = post(server, ENDLESS, context={"timeout": 200})
    assert (answer.status_code, answer.json()["category"]) == (504, "TIMEOUT")
    assert post(server, "SELECT 1 AS a").json() == [{"a": 1}]


@pytest.mark.parametrize("milliseconds", [1, 2, 3, 5, 8, 13, 21, 34])
def test_a_query_is_interrupted_at_whatever_moment(milliseconds: int, server: RunningMinidruid) -> None:
    assert post(server, ENDLESS, context={"timeout": milliseconds}).status_code == 504


def test_a_query_interrupted_before_its_turn_never_begins(small_store: Store[Session, Account]) -> None:
    running = Execution()
    running.interrupt()
    with pytest.raises(QueryError, match="before it started"), running.attempt(small_store.cursor()):
        pass


def test_too_many_queries_are_turned_away(server: RunningMinidruid) -> None:
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(post(server, ENDLESS, context={"timeout": 1500}).status_code)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [429, 429, 429, 504, 504, 504]
    assert post(server, "SELECT 1 AS a").json() == [{"a": 1}]


def test_a_client_that_leaves_takes_its_query_along(server: RunningMinidruid) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url, json={"query": ENDLESS, "context": {"timeout": 1000}}, timeout=0.2)
    wait_until(lambda: post(server, "SELECT 1 AS a").json() == [{"a": 1}])


def test_a_cancelled_request_interrupts_its_query(small_store: Store[Session, Account]) -> None:
    endless = "SELECT COUNT(*) AS n FROM " + ", ".join(f"clickstream AS c{number}" for number in range(9))

    async def cancel() -> None:
        transport = httpx.ASGITransport(create_app(small_store, Settings(concurrent_queries=1)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            request = asyncio.create_task(client.post("/druid/v2/sql", json={"query": endless}))
            await asyncio.sleep(0.1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert (await client.post("/druid/v2/sql", json={"query": "SELECT 1 AS a"})).json() == [{"a": 1}]

    asyncio.run(cancel())


def test_queries_run_while_rows_arrive(small_store: Store[Session, Account]) -> None:
    rows = list(clickstream_rows(100))
    engine = engine_over(small_store)
    stop = threading.Event()

    def arrive() -> None:
        number = 1
        while not stop.is_set():
            number += 1
            small_store.commit(Batch("t", number, rows=rows))

    writer = threading.Thread(target=arrive)
    writer.start()
    counts = [ask(engine, "SELECT COUNT(*) AS n FROM clickstream")[0]["n"] for _ in range(40)]
    stop.set()
    writer.join()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (duckdb.OutOfMemoryException("no memory"), 400),
        (duckdb.BinderException("Binder Error: x\n\nLINE 1: secret"), 400),
        (duckdb.ConversionException("Conversion Error: x\n\nLINE 1: secret"), 400),
        (duckdb.IOException("disk"), 500),
    ],
)
def test_an_error_of_duckdb_is_reported_without_its_sql(error: duckdb.Error, status: int) -> None:
    refused = to_query_error(error)
    assert refused.error_type.status == status
    assert "secret" not in str(refused)


def test_the_clock_is_utc_without_a_zone() -> None:
    assert utc_now().tzinfo is None
    assert abs(utc_now() - CLOCK) < timedelta(days=365 * 50)
