"""Superset as a child process, asked over its API and looked at in a browser."""

import json
import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

import httpx
import psutil
import yaml
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as NotInTime
from support.waiting import wait_until

from headrace.processes.supervisor import responds

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = ROOT / ".venv-superset" / "bin" / "gunicorn"
ASSETS = ROOT / "superset" / "assets"
FORMAT = """
import json, sys
from superset_config import SQLGLOT_DIALECTS_EXTENSIONS
from superset.sql.parse import SQLGLOT_DIALECTS, SQLScript
SQLGLOT_DIALECTS.update(SQLGLOT_DIALECTS_EXTENSIONS)
json.dump([SQLScript(sql, "druid").format() for sql in json.load(sys.stdin)], sys.stdout)
"""
NOTHING: Mapping[str, str] = {}
DASHBOARD = "/superset/dashboard/clickstream/"
STILL_LOADING = "document.querySelectorAll('[aria-label=Loading], [data-test=loading-indicator]').length"
CHARTS = """[...document.querySelectorAll('[data-test-chart-name]')].map(chart => ({
    name: chart.dataset.testChartName,
    kind: chart.dataset.testVizType,
    text: chart.innerText,
    hasDrawn: !!chart.querySelector('.slice_container canvas, .slice_container path, .slice_container table, .header-line')
        || chart.dataset.testVizType === 'pop_kpi' && /\\d/.test(chart.querySelector('.slice_container')?.innerText ?? ''),
    hasFailed: !!chart.querySelector('.ant-alert, [role=alert], .ant-empty') || /No (results|data)|Data error/i.test(chart.innerText),
}))"""


def as_superset_writes(statements: Sequence[str], home: Path) -> list[str]:
    """Rewrite statements with Superset, in its environment and with the project's settings, as it sends them to Druid."""
    done = subprocess.run(
        (GUNICORN.with_name("python"), "-c", FORMAT),
        input=json.dumps(statements),
        cwd=ROOT / "superset",
        env=os.environ | {"SUPERSET_HOME": str(home), "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written: list[str] = json.loads(done.stdout.splitlines()[-1])
    return written


@dataclass(frozen=True)
class ShownChart:
    """A chart of the dashboard as a visitor sees it."""

    name: str
    text: str
    has_drawn: bool
    has_failed: bool


@dataclass
class RunningSuperset:
    """Superset in its own environment, on a folder and a port of its own."""

    home: Path
    url: str
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, home: Path, druid_uri: str, port: int, variables: Mapping[str, str] = NOTHING, *, within_seconds: float = 120) -> Self:
        """Start it as in its README and wait until it is healthy."""
        home.mkdir(parents=True, exist_ok=True)
        environment = {"SUPERSET_HOME": str(home), "DRUID_URI": druid_uri, "TZ": "UTC", **variables}
        command = (GUNICORN, "-b", f"127.0.0.1:{port}")
        with (home / "superset.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT / "superset", env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT)
        running = cls(home, f"http://127.0.0.1:{port}", process)
        health = f"{running.url}/health"
        wait_until(lambda: process.poll() is not None or responds(health), within_seconds=within_seconds, every_seconds=0.1)
        assert process.poll() is None, (home / "superset.log").read_text()
        return running

    @property
    def password(self) -> str:
        return (self.home / "dashboards-password").read_text().strip()

    def memory_megabytes(self) -> float:
        """Sum the resident memory of the process and its children."""
        processes = (psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True))
        return float(sum(process.memory_info().rss for process in processes)) / 1e6

    def stop(self) -> int:
        """Stop it and wait; return the exit status."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def superset_running(home: Path, druid_uri: str, port: int, variables: Mapping[str, str] = NOTHING) -> Iterator[RunningSuperset]:
    """Run Superset until the end of the block."""
    running = RunningSuperset.start(home, druid_uri, port, variables)
    try:
        yield running
    finally:
        running.stop()


class Dashboards:
    """Superset's API, as the admin."""

    def __init__(self, url: str, password: str, verify: ssl.SSLContext | bool = True) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=verify)
        login = {"username": "admin", "password": password, "provider": "db"}
        token = self._client.post("/api/v1/security/login", json=login).raise_for_status().json()["access_token"]
        self._client.headers.update({"Authorization": f"Bearer {token}", "Referer": url})
        self._client.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get(f"/api/v1/{path}", params=parameters).raise_for_status().json()
        return answer

    def put(self, path: str, content: Mapping[str, Any]) -> None:
        self._client.put(f"/api/v1/{path}", json=content).raise_for_status()

    def ids(self, kind: str) -> dict[int, str]:
        """Return the id and uuid of all objects of a kind: `chart`, `dataset`, `dashboard`, `database`."""
        found = self.get(f"{kind}/", q="(page_size:100)")["result"]
        return {each["id"]: each.get("uuid") or self.get(f"{kind}/{each['id']}")["result"]["uuid"] for each in found}

    def figure(self, chart: str, **filters: list[str]) -> float:
        """Query the data endpoint for the single figure of a chart, with the filters of the chart and of a dashboard."""
        params = chart_file(chart)["params"]
        rows = self.chart_data([params["metric"]], params["adhoc_filters"], filters)
        return float(rows[0][params["metric"]])

    def chart_data(
        self, metrics: list[str], adhoc_filters: list[dict[str, Any]], filters: Mapping[str, list[str]], columns: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """Query `/api/v1/chart/data` as the page does; return the rows."""
        simple = [each for each in adhoc_filters if each["expressionType"] == "SIMPLE"]
        where = " AND ".join(f"({each['sqlExpression']})" for each in adhoc_filters if each["expressionType"] == "SQL")
        query = {
            "metrics": metrics,
            "columns": list(columns),
            "filters": [{"col": each["subject"], "op": each["operator"], "val": each["comparator"]} for each in simple]
            + [{"col": column, "op": "IN", "val": values} for column, values in filters.items()],
            "extras": {"where": where},
            "row_limit": 1000,
        }
        (dataset,) = self.ids("dataset")
        body = {"datasource": {"id": dataset, "type": "table"}, "force": True, "queries": [query], "result_format": "json"}
        answer = self._client.post("/api/v1/chart/data", json=body)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["result"][0]["data"]
        return rows


def chart_file(name: str) -> dict[str, Any]:
    """Read a chart of the bundle by the name of its file."""
    content: dict[str, Any] = yaml.safe_load((ASSETS / "charts" / f"{name}.yaml").read_text("utf-8"))
    return content


def bundle_context() -> dict[str, Any]:
    """Return the query context that the bundle's database sends to Druid with each statement."""
    database: dict[str, Any] = yaml.safe_load((ASSETS / "databases" / "Druid.yaml").read_text("utf-8"))
    context: dict[str, Any] = database["extra"]["engine_params"]["connect_args"]["context"]
    return context


def log_in(page: Page, url: str, password: str) -> None:
    """Log in as the admin with the generated password."""

    def is_in() -> bool:
        # A late response to the page's first requests restores the anonymous session: then log in again.
        page.goto(f"{url}/login/", wait_until="networkidle")
        if page.locator("#username").count():
            page.locator("#username").fill("admin")
            page.locator("#password").fill(password)
            with suppress(NotInTime), page.expect_navigation(url=lambda url: "/login" not in url, timeout=20_000):
                page.keyboard.press("Enter")
            page.wait_for_load_state("networkidle")
        return "/login" not in page.url

    wait_until(is_in, within_seconds=90)


def with_range(body: str | None, time_range: str) -> str | None:
    """Return the body of a request for a chart with another range than that of the bundle, however the body is encoded."""
    for encode in (str, quote, quote_plus):
        body = body and body.replace(encode("Last week"), encode(time_range))
    return body


def open_dashboard(page: Page, url: str, *, within_seconds: float = 120) -> list[ShownChart]:
    """Open the dashboard in a viewport for all of it, wait until every chart has loaded, and return the charts."""
    page.set_viewport_size({"width": 1600, "height": 4000})
    page.goto(f"{url}{DASHBOARD}")
    return wait_for_charts(page, within_seconds=within_seconds)


def wait_for_charts(page: Page, *, within_seconds: float = 120) -> list[ShownChart]:
    """Wait until every chart of the bundle has drawn or failed, and return them."""
    count = len(list((ASSETS / "charts").glob("*.yaml")))

    def have_settled() -> bool:
        """Every chart has drawn or failed"""
        charts = page.evaluate(CHARTS)
        settled = [chart for chart in charts if chart["hasDrawn"] or chart["hasFailed"]]
        return len(settled) == count and page.evaluate(STILL_LOADING) == 0

    wait_until(have_settled, within_seconds=within_seconds, every_seconds=0.2)
    return [ShownChart(chart["name"], chart["text"], chart["hasDrawn"], chart["hasFailed"]) for chart in page.evaluate(CHARTS)]


def take_picture(page: Page, path: Path) -> None:
    """Take a picture of the whole dashboard: the viewport is made as high as its content."""
    height = page.evaluate("Math.max(...[...document.querySelectorAll('.grid-row')].map(row => row.getBoundingClientRect().bottom))")
    page.set_viewport_size({"width": 1600, "height": int(height) + 24})
    wait_for_charts(page)
    page.screenshot(path=path, animations="disabled")
