"""`headrace rows delete`: which conditions it takes, and the store's path that deletes."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

import httpx
import pytest
from starlette.applications import Starlette

from headrace.errors import CommandError
from headrace.rows.command import Row, check_condition
from headrace.rows.druid import _by_interval, _filter, _task
from headrace.rows.store import MAX_ROWS, deletion_route
from headrace.store_paths import MAX_BODY_BYTES
from streams.sink import RowKey


@pytest.mark.parametrize(
    "where",
    [
        "site = 'poison'",
        "party_id = 'a' -- of a request",
        "revenue > 1e9 AND (country IS NULL OR country <> 'x')",
        "event_id IN (SELECT event_id FROM clickstream WHERE site = 'x')",
        "page_title = 'it''s; \"this\"'",
        "1 = 1 /* all */",
    ],
)
def test_a_condition_is_the_text_after_where(where: str) -> None:
    assert check_condition(where) == f"\n{where}\n"


@pytest.mark.parametrize(
    "where",
    [
        "",
        "   ",
        "site = 'a'; DROP TABLE clickstream",
        "1 = 1) LIMIT 1 --",
        "1 = 1) GROUP BY (1",
        "1 = 1) ORDER BY (1",
        "1 = 1) UNION ALL SELECT 1 FROM clickstream WHERE (1 = 1",
        "site = 'a",
        "(site = 'a'",
        "site = 'a') OR (1 = 1",
        "site = ",
        "/* site = 'a'",
    ],
)
def test_anything_else_is_refused_with_the_reason(where: str) -> None:
    with pytest.raises(CommandError, match=r"^--where: not a valid condition of Druid SQL: "):
        check_condition(where)


def ask(content: str) -> tuple[httpx.Response, list[Sequence[RowKey]]]:
    """Ask the store's path, which deletes each row once."""
    deleted: list[Sequence[RowKey]] = []

    def delete(keys: Sequence[RowKey]) -> "Future[int]":
        done: Future[int] = Future()
        deleted.append(keys)
        done.set_result(len(keys))
        return done

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[deletion_route(delete)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://store") as client:
            return await client.post("/rows/delete", content=content)

    return asyncio.run(asking()), deleted


def test_the_store_gets_rows_by_site_and_event_id() -> None:
    answer, deleted = ask('{"rows": [["shop", "a"], ["blog", "b"]]}')
    assert (answer.json(), deleted) == ({"deleted": 2}, [[("shop", "a"), ("blog", "b")]])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"rows": ["a"]}',
        '{"rows": [["a"]]}',
        '{"rows": [["a", 1]]}',
        '{"rows": [], "where": "1 = 1"}',
        '{"rows": [["\\ud800", "a"]]}',
    ],
)
def test_anything_else_deletes_nothing(content: str) -> None:
    answer, deleted = ask(content)
    assert (answer.status_code, deleted) == (400, [])
    assert "rows" in answer.json()["message"]


def test_the_store_deletes_a_bounded_number_at_a_time() -> None:
    pairs = ",".join(['["s","e"]'] * (MAX_ROWS + 1))
    answer, deleted = ask(f'{{"rows": [{pairs}]}}')
    assert (answer.status_code, deleted) == (400, [])


def test_the_store_reads_a_bounded_number_of_bytes() -> None:
    answer, deleted = ask('{"rows": [["shop", "a"]]}' + " " * MAX_BODY_BYTES)
    assert (answer.status_code, deleted) == (400, [])
    assert f"more than {MAX_BODY_BYTES} bytes" in answer.json()["message"]


def a_row(site: str, event_id: str, time: str) -> Row:
    return Row(site, event_id, time, 0, "browser")


ROWS = [
    a_row("shop", "b", "2026-02-28T23:59:59.999Z"),
    a_row("shop", "a", "2026-03-01T00:00:00.000Z"),
    a_row("blog", "a", "2026-03-03T12:00:00.000Z"),
]


def test_druid_rewrites_runs_of_days() -> None:
    found = {_task("t", interval, {})["ioConfig"]["inputSpec"]["interval"]: rows for interval, rows in _by_interval(ROWS)}
    assert found == {"2026-02-28/2026-03-02": ROWS[:2], "2026-03-03/2026-03-04": ROWS[2:]}


def test_druid_leaves_out_each_row_by_site_and_id() -> None:
    assert _filter(ROWS) == {
        "type": "or",
        "fields": [
            {
                "type": "and",
                "fields": [
                    {"type": "selector", "dimension": "site", "value": site},
                    {"type": "in", "dimension": "event_id", "values": ids},
                ],
            }
            for site, ids in (("blog", ["a"]), ("shop", ["a", "b"]))
        ],
    }
