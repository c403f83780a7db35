"""The dataset's metrics and calculated columns through minidruid, against the same figures counted from the rows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.minidruid.tables import CLOCK, RunningMinidruid, clickstream_rows, open_store, serve

from streams.sink import Batch, Row

DATASET = Path(__file__).resolve().parents[3] / "superset" / "assets" / "datasets" / "Druid" / "clickstream.yaml"
CONTENT: dict[str, Any] = yaml.safe_load(DATASET.read_text("utf-8"))
METRICS = {metric["metric_name"]: metric["expression"] for metric in CONTENT["metrics"]}
CALCULATED = {column["column_name"]: column["expression"] for column in CONTENT["columns"] if column["expression"]}
NOBODY = "\"__time\" < TIME_PARSE('2000-01-01T00:00:00')"


def a_purchase(row: Row, revenue: float) -> Row:
    return row | {"event_id": f"purchase {row['event_id']}", "event_type": "purchase", "engagement_ms": None, "revenue": revenue}


def sample() -> list[dict[str, Any]]:
    rows = list(clickstream_rows(3000, end=CLOCK, days=14))
    unknown = [row | {"event_id": f"none {row['event_id']}", "party_id": None, "session_id": None} for row in rows[:100]]
    return [*rows, *unknown, *(a_purchase(row, 9.5) for row in rows[::100])]


ROWS = sample()


@pytest.fixture(scope="module")
def minidruid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    store = open_store(tmp_path_factory.mktemp("store") / "clickstream.duckdb")
    store.commit(Batch("sample", 1, rows=ROWS))
    with serve(store, now=CLOCK) as running:
        yield running
    store.close()


def ask(minidruid: RunningMinidruid, statement: str) -> list[dict[str, Any]]:
    answer = httpx.post(minidruid.url, json={"query": statement}, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()
    return rows


def metric(minidruid: RunningMinidruid, name: str, where: str = "1 = 1") -> Any:
    return ask(minidruid, f'SELECT {METRICS[name]} AS "figure" FROM "druid"."clickstream" WHERE {where}')[0]["figure"]


def sessions_where(is_wanted: Any) -> set[Any]:
    return {row["session_id"] for row in ROWS if row["session_id"] and is_wanted(row)}


def counted() -> dict[str, float]:
    sessions = len(sessions_where(lambda row: True))
    views = [row for row in ROWS if row["event_type"] == "pageView"]
    engaged = sessions_where(lambda row: (row["session_page_number"] or 0) >= 2 or (row["session_engagement_ms"] or 0) >= 10_000)
    seconds = sum(row["engagement_ms"] or 0 for row in ROWS) / 1000
    known_seconds = sum(row["engagement_ms"] or 0 for row in ROWS if row["session_id"] is not None) / 1000
    purchases = [row for row in ROWS if row["event_type"] == "purchase"]
    return {
        "events": len(ROWS),
        "page_views": len(views),
        "visitors": len({row["party_id"] for row in ROWS} - {None}),
        "sessions": sessions,
        "pages_per_session": sum(1 for row in views if row["session_id"]) / sessions,
        "engagement": known_seconds / sessions,
        "engagement_per_page_view": seconds / len(views),
        "bounce_rate": 1 - len(engaged) / sessions,
        "engaged_session_rate": len(engaged | {row["session_id"] for row in purchases}) / sessions,
        "purchases": len(purchases),
        "revenue": sum(row["revenue"] for row in purchases),
    }


def test_every_metric_is_counted_below() -> None:
    assert counted().keys() == METRICS.keys()


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_what_the_rows_say(name: str, minidruid: RunningMinidruid) -> None:
    assert metric(minidruid, name) == pytest.approx(counted()[name])


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_no_rows_is_nothing_and_no_error(name: str, minidruid: RunningMinidruid) -> None:
    assert metric(minidruid, name, NOBODY) in (0, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("traffic", {"People", "Bots"}),
        ("session_source_name", {"Direct", *(row["session_source"] for row in ROWS)} - {None}),
        ("hour_utc", set(range(24))),
        ("weekday_utc", {"1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun"}),
    ],
)
def test_a_calculated_column_groups_as_it_says(name: str, expected: set[Any], minidruid: RunningMinidruid) -> None:
    expression = CALCULATED[name]
    rows = ask(minidruid, f'SELECT {expression} AS "{name}", COUNT(*) AS "events" FROM "druid"."clickstream" GROUP BY {expression}')
    assert {row[name] for row in rows} == expected
    assert sum(row["events"] for row in rows) == len(ROWS)


def test_the_weekday_is_that_of_the_calendar(minidruid: RunningMinidruid) -> None:
    days = [CLOCK.date() - timedelta(days=number) for number in range(1, 8)]
    for day in days:
        where = f"\"__time\" >= TIME_PARSE('{day}T00:00:00') AND \"__time\" < TIME_PARSE('{day + timedelta(days=1)}T00:00:00')"
        rows = ask(minidruid, f'SELECT DISTINCT {CALCULATED["weekday_utc"]} AS "day" FROM "druid"."clickstream" WHERE {where}')
        assert [row["day"] for row in rows] == [f"{day.isoweekday()} {day:%a}"]
