"""Superset with its bundle on a real Druid: every chart draws, and minidruid returns the same figures for Superset's queries."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Route
from support.browser.chromium import chromium_running
from support.headrace.datasource import Datasource
from support.headrace.druid_table import druid_table
from support.headrace.engines import RunningEngines
from support.minidruid.tables import ask, clickstream_rows, engine_over, open_store
from support.minidruid.truth import Tally, Verdict, compare
from support.ports import free_ports
from support.superset import ASSETS, Dashboards, ShownChart, bundle_context, log_in, open_dashboard, superset_running, with_range

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
    """The content of the dashboard, and each statement that Superset sent to Druid for it."""

    charts: list[ShownChart]
    statements: list[str]


@pytest.fixture(scope="module", params=["Last week", "No filter"])
def visit(request: pytest.FixtureRequest, druid: Datasource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    (port,) = free_ports(1)
    uri = f"druid://{druid.broker_url.removeprefix('http://')}/druid/v2/sql?header=true"
    with superset_running(tmp_path_factory.mktemp("superset"), uri, port) as superset, chromium_running() as browser:
        name_the_datasource(superset.url, superset.password, druid.name)
        page = browser.new_page()
        log_in(page, superset.url, superset.password)
        yield look(page, superset.url, request.param)


def name_the_datasource(url: str, password: str, name: str) -> None:
    """The stack's other tests have a `clickstream` of their own; this one has another name, and nothing else is changed."""
    client = Dashboards(url, password)
    (dataset,) = client.ids("dataset")
    client.put(f"dataset/{dataset}", {"table_name": name})
    client.close()


def look(page: Page, url: str, time_range: str) -> Visit:
    """Open the dashboard and read each answer to a chart on its way: the browser does not keep it."""
    statements: list[str] = []

    def read(route: Route) -> None:
        answer = route.fetch(timeout=120_000, post_data=with_range(route.request.post_data, time_range))
        content: dict[str, Any] = answer.json()
        queries = [result.get("query") or "" for result in content.get("result", [content])]
        statements.extend(sql for query in queries for sql in map(str.strip, query.split(";")) if sql)
        route.fulfill(response=answer)

    page.route(re.compile("/chart/data|/explore_json"), read)
    charts = open_dashboard(page, url, within_seconds=300)
    page.unroute_all(behavior="ignoreErrors")
    return Visit(charts, statements)


def test_every_chart_draws(visit: Visit) -> None:
    assert [chart for chart in visit.charts if chart.has_failed or not chart.has_drawn] == []
    assert len(visit.charts) == len(CHARTS) >= 14


def test_every_statement_of_a_chart_has_one_answer(visit: Visit, druid: Datasource, minidruid: Engine, findings: list[str]) -> None:
    tally = Tally("statements of the charts")
    for sql in dict.fromkeys(visit.statements):
        tally.add(compare(sql, druid.ask(sql), ask(minidruid, sql.replace(druid.name, "clickstream"))), sql)
    findings += tally.lines()
    assert len(tally.found[Verdict.EQUAL]) >= len(CHARTS)
    assert [names for verdict, names in tally.found.items() if verdict is not Verdict.EQUAL and names] == []


def test_figures_of_the_bundle_are_exact_on_druid(druid: Datasource, rows: list[Row]) -> None:
    (row,) = druid.ask(f'SELECT COUNT(DISTINCT session_id) AS sessions FROM "{druid.name}"')
    assert row["sessions"] == len({row["session_id"] for row in rows})
