"""Superset with its bundle on a real Druid: every chart draws, and minidruid gives the same figures for what Superset asks."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Response
from support.browser import chromium_running
from support.datasource import Datasource
from support.druid_table import druid_table
from support.engines import RunningEngines
from support.minidruid import ask, clickstream_rows, engine_over, open_store
from support.ports import free_ports
from support.superset import ASSETS, Dashboards, ShownChart, bundle_context, log_in, open_dashboard, superset_running
from support.truth import Tally, Verdict, compare

from minidruid.engine import Engine
from streams.sink import Batch, Row

pytestmark = pytest.mark.timeout(900)  # the first test starts the engines, Superset and a browser

CHARTS = sorted(path.stem for path in (ASSETS / "charts").glob("*.yaml"))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Two weeks up to now, with enough in the last minutes for the charts of the present."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return [*clickstream_rows(6000, end=now, days=14), *clickstream_rows(400, end=now, days=0.003, seed=2)]


@pytest.fixture(scope="module")
def druid(engines: RunningEngines, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasource]:
    with druid_table(engines, f"clickstream_{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("druid")) as table:
        table.apply()
        table.write(rows)
        table.wait_for_rows(len(rows))
        yield Datasource(table.name, engines.broker_url, bundle_context())


@pytest.fixture(scope="module")
def minidruid(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    store = open_store(tmp_path_factory.mktemp("store") / "clickstream.duckdb")
    store.commit(Batch("sample", 1, rows=rows))
    yield engine_over(store)
    store.close()


@dataclass
class Visit:
    """What the dashboard showed, and each statement that Superset put to Druid for it."""

    charts: list[ShownChart]
    statements: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def visit(druid: Datasource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    (port,) = free_ports(1)
    uri = f"druid://{druid.broker_url.removeprefix('http://')}/druid/v2/sql?header=true"
    with superset_running(tmp_path_factory.mktemp("superset"), uri, port) as superset, chromium_running() as browser:
        name_the_datasource(superset.url, superset.password, druid.name)
        page = browser.new_page()
        log_in(page, superset.url, superset.password)
        yield look(page, superset.url)


def name_the_datasource(url: str, password: str, name: str) -> None:
    """The stack's other tests have a `clickstream` of their own; this one has another name, and nothing else is changed."""
    client = Dashboards(url, password)
    (dataset,) = client.ids("dataset")
    client.put(f"dataset/{dataset}", {"table_name": name})
    client.close()


def look(page: Page, url: str) -> Visit:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if is_of_a_chart(answer) else None)
    visit = Visit(open_dashboard(page, url, within_seconds=300))
    for answer in answers:
        content: dict[str, Any] = answer.json()
        queries = [result.get("query") or "" for result in content.get("result", [content])]
        visit.statements += [sql for query in queries for sql in map(str.strip, query.split(";")) if sql]
    return visit


def is_of_a_chart(answer: Response) -> bool:
    return answer.ok and ("/chart/data" in answer.url or "/explore_json" in answer.url)


def test_every_chart_draws(visit: Visit) -> None:
    assert [chart for chart in visit.charts if chart.has_failed or not chart.has_drawn] == []
    assert len(visit.charts) == len(CHARTS) >= 14


def test_every_statement_of_a_chart_has_one_answer(visit: Visit, druid: Datasource, minidruid: Engine, findings: list[str]) -> None:
    tally = Tally("statements of the charts")
    for number, sql in enumerate(dict.fromkeys(visit.statements)):
        found = druid.ask(sql)
        verdict = compare(sql, found, ask(minidruid, sql.replace(druid.name, "clickstream")))
        tally.add(verdict, str(number))
        assert verdict is Verdict.EQUAL, sql
        assert found
    findings += tally.lines()
    assert len(tally.found[Verdict.EQUAL]) >= len(CHARTS)


def test_figures_of_the_bundle_are_exact_on_druid(visit: Visit, druid: Datasource, rows: list[Row]) -> None:
    (row,) = druid.ask(f'SELECT COUNT(DISTINCT session_id) AS sessions FROM "{druid.name}"')
    assert row["sessions"] == len({row["session_id"] for row in rows})
