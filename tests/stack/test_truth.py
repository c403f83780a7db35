"""The same events in Druid, through Kafka, and in minidruid: every statement of Superset's corpus is answered alike."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.headrace.datasource import Datasource, RefusedError, datasource
from support.headrace.engines import RunningEngines
from support.minidruid.tables import CLOCK, EVENT_COLUMNS, ask, corpus_events, engine_over, open_store, write_events
from support.minidruid.truth import DIFFERENCES, Answer, Difference, Tally, Verdict, compare
from support.superset import as_superset_writes, bundle_context

from minidruid.engine import Engine
from minidruid.errors import QueryError

pytestmark = pytest.mark.timeout(600)  # the first test starts the engines

CORPUS = Path(__file__).parents[1] / "contract" / "superset-sql-corpus.jsonl"
STATEMENTS: list[str] = [json.loads(line)["sql"] for line in CORPUS.read_text("utf-8").splitlines()]
TYPES = {"VARCHAR": "string", "BIGINT": "long", "DOUBLE": "double"}
DIMENSIONS = [{"type": TYPES[kind], "name": name} for name, kind in EVENT_COLUMNS.items() if name != "__time"]
AS_MINIDRUID = {**bundle_context(), "sqlCurrentTimestamp": f"{CLOCK.isoformat()}Z"}
FLAG_IS_TRUE = 89  # refused as it was recorded


@dataclass(frozen=True)
class Both:
    """Druid and minidruid with the same table `events`, each with other tables as well."""

    druid: Datasource
    engine: Engine
    known: dict[str, Answer] = field(default_factory=dict)

    def of_druid_once(self, sql: str) -> Answer:
        """Ask Druid, unless another test has."""
        if sql not in self.known:
            self.known[sql] = self.of_druid(sql)
        return self.known[sql]

    def of_druid(self, sql: str, **context: Any) -> Answer:
        """Ask Druid, where the table has another name."""
        try:
            rows = self.druid.ask(re.sub(r"\bevents\b", self.druid.name, sql), **context)
        except RefusedError as refused:
            return str(refused)
        found: Answer = json.loads(json.dumps(rows).replace(self.druid.name, "events"))
        return found

    def of_minidruid(self, sql: str) -> Answer:
        try:
            return ask(self.engine, sql)
        except QueryError as refused:
            return str(refused)

    def other_tables(self) -> set[str]:
        listing = "SELECT TABLE_NAME AS name FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'druid'"
        rows = [*self.druid.ask(listing), *ask(self.engine, listing)]
        return {row["name"] for row in rows} - {"events", self.druid.name}

    def verdict(self, sql: str, druid: Answer, minidruid: Answer) -> Verdict:
        if "INFORMATION_SCHEMA.TABLES" in sql and not isinstance(druid, str) and not isinstance(minidruid, str):
            others = self.other_tables()
            druid, minidruid = ([row for row in rows if not others & set(map(str, row.values()))] for rows in (druid, minidruid))
        return compare(sql, druid, minidruid)


@pytest.fixture(scope="module")
def both(engines: RunningEngines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    path = tmp_path_factory.mktemp("truth") / "events.duckdb"
    write_events(path)
    store = open_store(path)
    rows = (dict(zip(EVENT_COLUMNS, event, strict=True)) for event in corpus_events())
    with datasource(engines, "events", DIMENSIONS, rows, **AS_MINIDRUID) as druid:
        yield Both(druid, engine_over(store))
    store.close()


@pytest.fixture(scope="module")
def tally(findings: list[str]) -> Iterator[Tally]:
    """The statements by their verdict, shown at the end."""
    found = Tally("statements of the corpus")
    yield found
    findings += found.lines()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The statements as Superset's dialect writes them."""
    return as_superset_writes(STATEMENTS, tmp_path_factory.mktemp("superset"))


@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_a_statement_of_the_corpus_has_one_answer(number: int, both: Both, tally: Tally) -> None:
    sql = STATEMENTS[number]
    druid, minidruid = both.of_druid_once(sql), both.of_minidruid(sql)
    verdict = both.verdict(sql, druid, minidruid)
    tally.add(verdict, str(number))
    assert verdict is not Verdict.DIFFERENT, f"{sql}\nDruid: {druid[:5]}\nminidruid: {minidruid[:5]}"


@pytest.mark.parametrize("number", [number for number in range(len(STATEMENTS)) if number != FLAG_IS_TRUE])
def test_druid_answers_what_superset_writes_as_what_was_meant(number: int, both: Both, written: list[str]) -> None:
    sql = STATEMENTS[number]
    assert both.verdict(sql, both.of_druid_once(sql), both.of_druid(written[number])) is not Verdict.DIFFERENT, written[number]


def test_druid_answers_a_flag_that_superset_asks_whether_it_is_true(both: Both, written: list[str]) -> None:
    assert both.of_druid(written[FLAG_IS_TRUE]) == both.of_minidruid(written[FLAG_IS_TRUE]) == [{"count": 4000}]


@pytest.mark.parametrize("difference", [each for each in DIFFERENCES if each.sql], ids=lambda each: each.line)
def test_minidruids_list_of_differences_is_true(difference: Difference, both: Both) -> None:
    answers = both.of_druid(difference.sql, **difference.context), both.of_minidruid(difference.sql)
    assert answers[0] != answers[1]


def test_superset_passes_on_every_function_that_druid_knows(both: Both, tmp_path: Path) -> None:
    """Except those with a syntax of their own: `tests/embedded/superset/test_dialect.py` has them."""
    own_syntax = {"CASE", "CAST", "CEIL", "EXTRACT", "FLOOR", "JSON_OBJECT", "JSON_VALUE", "POSITION", "TRIM"}
    listed = [row["ROUTINE_NAME"] for row in both.druid.ask("SELECT ROUTINE_NAME FROM INFORMATION_SCHEMA.ROUTINES")]
    calls = [f"SELECT {name}(a, b) AS x FROM t" for name in sorted(set(listed) - own_syntax) if re.fullmatch(r"\w+", name)]
    assert len(calls) > 150
    assert [" ".join(sql.split()).upper() for sql in as_superset_writes(calls, tmp_path)] == [call.upper() for call in calls]
