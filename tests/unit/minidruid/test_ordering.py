"""The order of groups, the effect of LIMIT on them, and aggregates of NULL, as observed on a real Druid."""

from typing import Any

import pytest
from support.minidruid.sql import engine
from support.minidruid.tables import ask

from minidruid.engine import Engine

__all__ = ["engine"]  # the fixture

RULES: tuple[tuple[str, str, list[list[Any]]], ...] = (
    ("groups come in order of their keys", "SELECT device_type FROM events GROUP BY 1", [["Desktop"], ["Mobile"], ["Tablet"]]),
    (
        "the key that is written first counts first",
        "SELECT device_type, os FROM events GROUP BY 1, 2 LIMIT 2",
        [["Desktop", "Android"], ["Desktop", "Linux"]],
    ),
    ("distinct rows are groups", "SELECT DISTINCT device_type, os FROM events LIMIT 2", [["Desktop", "Android"], ["Desktop", "Linux"]]),
    ("NULL is the least key", "SELECT city FROM events GROUP BY city LIMIT 2", [[None], ["Amsterdam"]]),
    (
        "equals come in order of their keys",
        "SELECT os, COUNT(*) / 20000 FROM events GROUP BY os ORDER BY 2 DESC LIMIT 2",
        [["Android", 0], ["Linux", 0]],
    ),
    ("a key of a TopN goes down from NULL", "SELECT city FROM events GROUP BY city ORDER BY city DESC LIMIT 2", [[None], ["Utrecht"]]),
    ("also of distinct rows", "SELECT DISTINCT city FROM events ORDER BY city DESC LIMIT 2", [[None], ["Utrecht"]]),
    ("with OFFSET it is none", "SELECT city FROM events GROUP BY 1 ORDER BY 1 DESC LIMIT 1 OFFSET 1", [["Tokyo"]]),
    ("with HAVING it is none", "SELECT city FROM events GROUP BY 1 HAVING COUNT(*) > 1 ORDER BY 1 DESC LIMIT 1", [["Utrecht"]]),
    ("with two keys it is none", "SELECT city, os FROM events GROUP BY 1, 2 ORDER BY 1 DESC LIMIT 1", [["Utrecht", "Android"]]),
    (
        "with a distinct count it is none",
        "SELECT city, COUNT(DISTINCT os) FROM events GROUP BY 1 ORDER BY 1 DESC LIMIT 1",
        [["Utrecht", 5]],
    ),
    (
        "over a subquery it is none",
        "SELECT c FROM (SELECT city AS c, os FROM events GROUP BY 1, 2) GROUP BY 1 ORDER BY 1 DESC LIMIT 1",
        [["Utrecht"]],
    ),
    (
        "a figure of a TopN goes up to NULL",
        "SELECT os, SUM(CASE WHEN os = 'iOS' THEN 1 END) FROM events GROUP BY os ORDER BY 2 LIMIT 2",
        [["iOS", 3691], ["Android", None]],
    ),
    (
        "a figure without LIMIT goes up from NULL",
        "SELECT os, SUM(CASE WHEN os = 'iOS' THEN 1 END) FROM events GROUP BY os HAVING os >= 'iOS' ORDER BY 2",
        [["macOS", None], ["iOS", 3691]],
    ),
    (
        "the average of whole numbers has a fraction",
        "SELECT AVG(n) FROM (SELECT session_id, COUNT(*) AS n FROM events GROUP BY 1)",
        [[4.724]],
    ),
    ("texts are added up as numbers", "SELECT SUM(CAST(viewport_w AS VARCHAR)), SUM(country) FROM events", [[23412800.0, None]]),
    (
        "the last value may be NULL",
        "SELECT LATEST(city), EARLIEST(city), EARLIEST_BY(utm_source, __time) FROM events WHERE city IS NULL",
        [[None, None, None]],
    ),
    (
        "fortnights begin on Thursdays",
        "SELECT TIME_FLOOR(__time, 'P2W'), COUNT(*) FROM events GROUP BY 1",
        [["2026-11-05T00:00:00.000Z", 13518], ["2026-11-19T00:00:00.000Z", 5378]],
    ),
    (
        "an instant as a text says its offset",
        "SELECT TIME_FORMAT(MAX(__time)), TIME_FORMAT(MAX(__time), NULL, 'America/New_York') FROM events",
        [["2026-11-22T05:53:19.153+00:00", "2026-11-22T00:53:19.153-05:00"]],
    ),
    (
        "rows come out of a window in its order",
        """SELECT n FROM (SELECT country, ROW_NUMBER() OVER (PARTITION BY country ORDER BY __time DESC) AS n FROM events) LIMIT 3""",
        [[1], [2], [3]],
    ),
    (
        "the functions are listed",
        "SELECT ROUTINE_NAME, IS_AGGREGATOR FROM INFORMATION_SCHEMA.ROUTINES WHERE ROUTINE_NAME IN ('LATEST', 'TIME_FLOOR')",
        [["LATEST", "YES"], ["TIME_FLOOR", "NO"]],
    ),
)


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(sql, rows, id=rule) for rule, sql, rows in RULES])
def test_groups_are_as_druid_has_them(sql: str, rows: list[list[Any]], engine: Engine) -> None:
    assert [list(row.values()) for row in ask(engine, sql)] == rows
