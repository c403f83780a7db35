"""The dashboard in a real browser: Superset in its own environment over a real minidruid."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, Route
from support.minidruid.tables import RunningMinidruid, clickstream_rows, open_store, serve
from support.ports import free_ports
from support.superset import (
    GUNICORN,
    ROOT,
    Dashboards,
    RunningSuperset,
    ShownChart,
    log_in,
    open_dashboard,
    superset_running,
    take_picture,
    with_range,
)

from streams.sink import Batch, Row

HOSTILE = "<img src=https://foreign.example/x.png onerror=alert(1)><a href=https://foreign.example>Free</a>"
# Two starts of Superset on a busy machine.
pytestmark = pytest.mark.timeout(300)

TOKEN = "token-of-the-sql-port-0123456789-abcdef"
BEHIND_TLS = {"SUPERSET_TLS": "1", "SUPERSET_PROXIES": "1"}
KINDS = ("chart", "dataset", "dashboard", "database")


def rows() -> list[Row]:
    now = datetime.now(UTC).replace(tzinfo=None)
    present = list(clickstream_rows(400, end=now, days=0.003, seed=2))
    present[-1] |= {"__time": int(datetime.now(UTC).timestamp() * 1000) - 100, "page_title": HOSTILE, "page_path": HOSTILE, "is_bot": 0}
    return [*clickstream_rows(6000, end=now, days=14), *present]


@pytest.fixture(scope="module")
def minidruid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    store = open_store(tmp_path_factory.mktemp("store") / "clickstream.duckdb")
    store.commit(Batch("sample", 1, rows=rows()))
    with serve(store, now=None, token=TOKEN) as running:
        yield running
    store.close()


@pytest.fixture(scope="module")
def superset(minidruid: RunningMinidruid, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuperset]:
    (port,) = free_ports(1)
    home = tmp_path_factory.mktemp("superset")
    with superset_running(home, druid_uri(minidruid), port, token_file(home)) as running:
        yield running


@pytest.fixture(scope="module")
def dashboards(superset: RunningSuperset) -> Iterator[Dashboards]:
    client = Dashboards(superset.url, superset.password)
    yield client
    client.close()


def csrf_token(page: str) -> str:
    found = re.search(r"csrf_token[^>]*value=\W*([\w.-]+)", page)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def session(superset: RunningSuperset) -> Iterator[httpx.Client]:
    """A browser of the admin's, as far as cookies go."""
    with httpx.Client(base_url=superset.url, trust_env=False) as client:
        form = {"username": "admin", "password": superset.password, "csrf_token": csrf_token(client.get("/login/").text)}
        assert client.post("/login/", data=form).headers["location"] == "/"
        cookie = next(cookie for cookie in client.cookies.jar if cookie.name == "session")
        assert (cookie.secure, cookie.has_nonstandard_attr("HttpOnly"), cookie.get_nonstandard_attr("SameSite")) == (False, True, "Lax")
        yield client


@dataclass
class Visit:
    """The dashboard, opened once, with the requests of its page."""

    page: Page
    charts: list[ShownChart]
    dialogs: list[str] = field(default_factory=list)
    foreign: list[Request] = field(default_factory=list)

    def note(self, request: Request, url: str) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            self.foreign.append(request)

    def dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@pytest.fixture(scope="module")
def visit(chromium: Browser, superset: RunningSuperset) -> Iterator[Visit]:
    context = chromium.new_context()
    page = context.new_page()
    seen = Visit(page, [])
    page.on("request", lambda request: seen.note(request, superset.url))
    page.on("dialog", seen.dismiss)
    log_in(page, superset.url, superset.password)
    seen.charts += open_dashboard(page, superset.url)
    yield seen
    context.close()


def token_file(home: Path) -> dict[str, str]:
    (home / "sql-token").write_text(TOKEN)
    return {"DRUID_TOKEN_FILE": str(home / "sql-token")}


def druid_uri(minidruid: RunningMinidruid, host: str = "127.0.0.1") -> str:
    return f"druid://{host}:{minidruid.port}/druid/v2/sql?header=true"


def count(minidruid: RunningMinidruid, where: str) -> int:
    statement = f"SELECT COUNT(*) AS n FROM clickstream WHERE \"__time\" >= CURRENT_TIMESTAMP - INTERVAL '7' DAY AND {where}"
    answer = httpx.post(minidruid.url, json={"query": statement}, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return int(answer.json()[0]["n"])


def test_every_chart_of_the_dashboard_draws(visit: Visit, tmp_path: Path) -> None:
    take_picture(visit.page, tmp_path / "dashboard.png")
    assert [chart for chart in visit.charts if chart.has_failed or not chart.has_drawn] == []
    assert len(visit.charts) >= 14
    assert (tmp_path / "dashboard.png").stat().st_size > 100_000


def test_every_chart_draws_for_a_range_without_an_end(chromium: Browser, superset: RunningSuperset) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        log_in(page, superset.url, superset.password)
        asked: list[str] = []

        def ask(route: Route) -> None:
            asked.append(with_range(route.request.post_data, "No filter") or "")
            route.continue_(post_data=asked[-1])

        page.route(re.compile("/chart/data"), ask)
        charts = open_dashboard(page, superset.url)
        page.unroute_all(behavior="ignoreErrors")
    assert [chart for chart in charts if chart.has_failed or not chart.has_drawn] == []
    assert sum('"No filter"' in body for body in asked) >= 20


def test_the_dashboard_names_the_source_of_its_places(visit: Visit) -> None:
    link = visit.page.get_by_role("link", name="IP Geolocation by DB-IP")
    assert link.get_attribute("href") == "https://db-ip.com"


def test_nothing_is_fetched_from_another_host(visit: Visit) -> None:
    assert {request.failure for request in visit.foreign} <= {"csp"}


def test_a_hostile_title_is_shown_as_text(visit: Visit) -> None:
    latest = visit.page.locator("[data-test-chart-name='Latest events (UTC)'] .slice_container")
    assert latest.get_by_text("Free</a>").count() > 0
    assert latest.locator("td :is(img, a)").count() == 0
    assert visit.dialogs == []


@pytest.mark.parametrize(
    ("traffic", "where"), [([], "is_bot = 0"), (["People"], "is_bot = 0"), (["Bots"], "is_bot = 1"), (["People", "Bots"], "1 = 1")]
)
def test_a_chart_counts_what_sql_counts_and_bots_only_when_asked(
    traffic: list[str], where: str, dashboards: Dashboards, minidruid: RunningMinidruid
) -> None:
    filters = {"traffic": traffic} if traffic else {}
    assert dashboards.figure("page_views", **filters) == count(minidruid, f"event_type = 'pageView' AND {where}") > 0


def test_the_secrets_are_made_at_first_start_and_readable_by_their_owner_only(superset: RunningSuperset) -> None:
    secrets = [superset.home / name for name in ("dashboards-password", "superset-secret-key")]
    assert [oct(secret.stat().st_mode & 0o777) for secret in secrets] == ["0o600", "0o600"]
    assert min(len(secret.read_text()) for secret in secrets) >= 32


def test_nobody_gets_in_without_the_password(superset: RunningSuperset) -> None:
    login = {"username": "admin", "password": "admin", "provider": "db"}
    assert httpx.post(f"{superset.url}/api/v1/security/login", json=login, trust_env=False).status_code == 401
    assert httpx.get(f"{superset.url}/api/v1/chart/", trust_env=False).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/superset/dashboard/clickstream", "/superset/dashboard/clickstream/", "/users/list/", "/"])
def test_no_redirect_leads_to_the_host_that_a_caller_named(superset: RunningSuperset, path: str) -> None:
    answer = httpx.get(f"{superset.url}{path}", headers={"Host": "evil.example"}, trust_env=False)
    assert (answer.status_code in (302, 308), "evil.example" in answer.headers["location"]) == (True, False)
    assert answer.headers["location"].startswith("/")


@pytest.mark.parametrize("path", ["/login/", "/api/v1/chart/", "/api/v1/security/roles/", "/api/v1/security/users/", "/sqllab/"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_cross_site_request_gets_400(session: httpx.Client, path: str, accept: str) -> None:
    bodies: list[dict[str, Any]] = [
        {"json": {"name": "x"}},
        {"data": {"name": "x"}},
        {"data": {"csrf_token": "x"}},
        {"files": {"name": b"x"}},
    ]
    assert {session.post(path, headers={"Accept": accept}, **body).status_code for body in bodies} == {400}


def test_a_session_alone_changes_no_role(session: httpx.Client) -> None:
    assert session.get("/api/v1/security/roles/1").status_code == 200
    assert session.delete("/api/v1/security/roles/1").status_code == 400
    assert session.get("/api/v1/security/roles/1").status_code == 200


@pytest.mark.parametrize("path", ["/lang/xx", "/nowhere/", "/login/?next=//evil.example/", "/static/../x", "/api/v1/chart/x", "/%00"])
def test_bad_requests_fill_no_log(superset: RunningSuperset, path: str) -> None:
    before = (superset.home / "superset.log").stat().st_size
    for accept in ("text/html", "*/*"):
        assert httpx.get(f"{superset.url}{path}", headers={"Accept": accept}, trust_env=False).status_code < 500
    assert (superset.home / "superset.log").stat().st_size == before


def test_no_other_origin_may_read_an_answer(superset: RunningSuperset) -> None:
    answer = httpx.get(f"{superset.url}/login/", headers={"Origin": "https://tile.openstreetmap.org"}, trust_env=False)
    assert "access-control-allow-origin" not in answer.headers


def test_a_start_that_does_not_keep_what_is_promised_ends_and_says_what(superset: RunningSuperset) -> None:
    weak = "import superset.config as config; config.RATELIMIT_ENABLED = False; config.GUEST_TOKEN_JWT_SECRET = 'change-me'; import wsgi"
    environment = os.environ | {"SUPERSET_HOME": str(superset.home), "TZ": "UTC"}
    command = (GUNICORN.with_name("python"), "-c", weak)
    done = subprocess.run(command, cwd=ROOT / "superset", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the login /login/ responds to 11 tries" in done.stderr
    assert "the login /api/v1/security/login responds to 11 tries" in done.stderr
    assert "GUEST_TOKEN_JWT_SECRET is Superset's public default" in done.stderr


@pytest.mark.parametrize("way", ["form", "api"])
def test_password_guesses_are_rate_limited(superset: RunningSuperset, way: str) -> None:
    with httpx.Client(base_url=superset.url, trust_env=False) as client:
        page = client.get("/login/")
        client.cookies.update({"session": page.cookies["session"]})
        token = csrf_token(page.text)

        def guess(number: int) -> int:
            found = {"username": "admin", "password": f"guess {number}"}
            headers = {
                "X-Forwarded-For": f"192.0.2.{number}",
                "Cookie": f"session={page.cookies['session']}",
            }  # it says to be another each time
            if way == "form":
                return client.post("/login/", data=found | {"csrf_token": token}, headers=headers).status_code
            return client.post("/api/v1/security/login", json=found | {"provider": "db"}, headers=headers).status_code

        guesses = 0
        while (status := guess(guesses)) != 429:
            assert status == (302 if way == "form" else 401)
            guesses += 1
            assert guesses <= 20  # ten before the end of a minute, and ten in the next


def test_a_second_start_with_another_database_updates_and_doubles_nothing(
    superset: RunningSuperset, dashboards: Dashboards, minidruid: RunningMinidruid
) -> None:
    before = {kind: dashboards.ids(kind) for kind in KINDS}
    elsewhere = druid_uri(minidruid, "localhost")
    assert superset.stop() == 0
    superset.process = RunningSuperset.start(
        superset.home, elsewhere, int(superset.url.rpartition(":")[2]), token_file(superset.home) | BEHIND_TLS
    ).process
    assert {kind: dashboards.ids(kind) for kind in KINDS} == before
    (database,) = before["database"]
    assert dashboards.get(f"database/{database}/connection")["result"]["sqlalchemy_uri"] == elsewhere
    assert dashboards.figure("page_views") == count(minidruid, "event_type = 'pageView' AND is_bot = 0")


def test_behind_tls_the_cookie_of_the_session_is_for_tls_only(superset: RunningSuperset) -> None:
    """The second start is with TLS."""
    cookie = httpx.get(f"{superset.url}/login/", trust_env=False).headers["set-cookie"].split("; ")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie)


def test_behind_a_proxy_each_caller_has_tries_of_its_own(superset: RunningSuperset) -> None:
    def guess(forwarded_for: str) -> int:
        login = {"username": "admin", "password": "guess", "provider": "db"}
        headers = {"X-Forwarded-For": forwarded_for}
        return httpx.post(f"{superset.url}/api/v1/security/login", json=login, headers=headers, trust_env=False).status_code

    assert [guess("192.0.2.7") for _ in range(12)][-1] == 429
    assert guess("192.0.2.8") == 401
    assert guess("192.0.2.9, 192.0.2.7") == 429  # the last is the proxy's own word


def test_the_token_of_the_sql_port_is_in_no_file_but_its_own(superset: RunningSuperset) -> None:
    holding = [path.name for path in superset.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert holding == ["sql-token"]


def test_it_stays_small(superset: RunningSuperset) -> None:
    assert superset.memory_megabytes() < 400
