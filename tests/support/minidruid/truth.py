"""Comparison of two answers to a statement, and the known differences of minidruid from Druid."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlglot
from sqlglot import exp

Rows = Sequence[Mapping[str, Any]]
Answer = Rows | str  # a text is the error

SKETCH_ERROR = 0.05  # three times the standard error of Druid's default HyperLogLog (1.6 %); quantiles are narrower
ROUNDING = 1e-9  # the order in which numbers are added up


class Verdict(StrEnum):
    """The result of comparing two answers."""

    EQUAL = "equal"
    WITHIN_ERROR = "within the error of sketches"
    REFUSED = "refused by both"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of the list in minidruid's README, and a statement that shows it on Druid with this context."""

    line: str
    sql: str
    context: Mapping[str, Any] = field(default_factory=dict)


# One for each line of "Where it differs from Druid 33", in its order.
DIFFERENCES = (
    Difference(
        "window functions over more than 100,000 raw rows",
        "SELECT COUNT(n) AS n FROM (SELECT LEAD(os) OVER (PARTITION BY session_id ORDER BY __time) AS n FROM events)",
        {"maxSubqueryRows": 1000},  # instead of the default number of rows
    ),
    Difference("`COUNT(DISTINCT x)`", "SELECT COUNT(DISTINCT session_id) AS n FROM events", {"useApproximateCountDistinct": True}),
    Difference("`APPROX_*`", "SELECT APPROX_COUNT_DISTINCT_DS_HLL(session_id) AS n FROM events"),
    Difference("filters on BIGINT columns above 2^53", ""),  # no column of the corpus has such numbers
    Difference("`STRING_AGG` over 1024 bytes", "SELECT STRING_AGG(os, ',') AS texts FROM events WHERE event_type = 'click'"),
    Difference(
        "which rows of equal rank come first, where a metric is arithmetic over plain columns and several columns are grouped by",
        "SELECT device_type, os, COUNT(*) / 20000 AS n FROM events GROUP BY device_type, os ORDER BY n DESC LIMIT 5",
    ),
    Difference("regular expressions", r"SELECT REGEXP_LIKE('abab', '(ab)\1') AS v"),
    Difference("patterns of `TIME_FORMAT` and `TIME_PARSE`", "SELECT TIME_FORMAT(__time, 'z') AS v FROM events LIMIT 1"),
    Difference("periods of months together with hours", "SELECT TIME_FLOOR(__time, 'P1MT1H') AS v FROM events LIMIT 1"),
    Difference(
        "scalar subqueries, `QUALIFY`, `VALUES`, `WITH RECURSIVE`, `UNNEST`, `LOOKUP`, multi-value functions, `INSERT`, `REPLACE`",
        "SELECT (SELECT 1) AS v",
    ),
    Difference("`UNION ALL` with ORDER BY, impossible constants such as `1.0 / 0`", "SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n DESC"),
    Difference("`SUBSTRING` of a literal", "SELECT SUBSTRING('abcdef', 2, 3) AS v"),
    Difference("rows of `sys`", "SELECT datasource FROM sys.segments GROUP BY datasource"),
    Difference("size of a statement and of the texts and arrays that it makes", "SELECT LENGTH(REPEAT('x', 2000000)) AS n"),
    Difference(
        "answers",
        "SELECT e.os FROM events AS e CROSS JOIN (SELECT device_type, os FROM events GROUP BY device_type, os) AS copies",
    ),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The comparisons, by verdict."""

    what: str
    found: dict[Verdict, list[str]] = field(default_factory=lambda: {verdict: [] for verdict in Verdict})

    def add(self, verdict: Verdict, name: str) -> None:
        self.found[verdict].append(name)

    def lines(self) -> list[str]:
        """Return a line for each verdict, with the names of statements that are not simply equal."""
        suffixes = {
            verdict: "" if verdict is Verdict.EQUAL or not names else f" ({', '.join(names)})" for verdict, names in self.found.items()
        }
        return [f"{len(names)} {self.what}: {verdict}{suffixes[verdict]}" for verdict, names in self.found.items()]


def compare(sql: str, druid: Answer, minidruid: Answer) -> Verdict:
    """Compare two answers; the order of rows matters only if the statement defines it."""
    if isinstance(druid, str) or isinstance(minidruid, str):
        return Verdict.REFUSED if isinstance(druid, str) and isinstance(minidruid, str) else Verdict.DIFFERENT
    if not is_ordered(sql):
        druid, minidruid = sorted(druid, key=_exact), sorted(minidruid, key=_exact)
    if len(druid) != len(minidruid):
        return Verdict.DIFFERENT
    sketches = sketches_in(sql)
    pairs = list(zip(druid, minidruid, strict=True))
    if all(_are_alike(one, other, frozenset()) for one, other in pairs):
        return Verdict.EQUAL
    return Verdict.WITHIN_ERROR if all(_are_alike(one, other, sketches) for one, other in pairs) else Verdict.DIFFERENT


def is_ordered(sql: str) -> bool:
    """Whether a statement as a whole defines the order of its rows."""
    return sqlglot.parse_one(sql, dialect="druid").args.get("order") is not None


def sketches_in(sql: str) -> frozenset[str]:
    """Name the columns of a statement that are estimates."""
    tree = sqlglot.parse_one(sql, dialect="druid")
    found = [item for select in tree.find_all(exp.Select) for item in select.expressions]
    return frozenset(item.alias_or_name for item in found if "APPROX" in item.sql(dialect="druid").upper())


def _exact(row: Mapping[str, Any]) -> str:
    """The sort key of a row: its values except fractions, which may differ in the last digit."""
    return json.dumps([None if isinstance(value, float) else value for value in row.values()])


def _are_alike(one: Mapping[str, Any], other: Mapping[str, Any], sketches: frozenset[str]) -> bool:
    return list(one) == list(other) and all(
        _are_close(one[name], other[name], SKETCH_ERROR if name in sketches else ROUNDING) for name in one
    )


def _are_close(one: Any, other: Any, tolerance: float) -> bool:
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2:
        return bool(one == other)
    if tolerance == ROUNDING and int in map(type, numbers):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=tolerance)
