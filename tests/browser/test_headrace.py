"""From a click in a real browser to a chart: the whole of headrace, started as a user starts it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from support.browser.shopping import rows_of, shop_as_a_person, shop_with
from support.collector.front import Front
from support.headrace.installation import Installation
from support.superset import Dashboards, log_in, open_dashboard, take_picture
from support.waiting import wait_until


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(tmp_path_factory.mktemp("state"), "--no-visits", within_seconds=120)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def person(chromium: Browser, installation: Installation) -> Front:
    return shop_as_a_person(chromium, installation)


@pytest.fixture(scope="module")
def robot(chromium: Browser, installation: Installation) -> Front:
    return shop_with(chromium, installation)


def test_every_event_that_was_sent_is_one_row_with_its_page(installation: Installation, person: Front) -> None:
    rows = rows_of(installation, person)
    assert sorted(row["event_id"] for row in rows) == sorted(person.sent)
    assert {row["event_id"]: (row["event_type"], row["page_path"], row["page_view_id"]) for row in rows} == {
        event["id"]: (event["type"], urlsplit(event["url"]).path, event["page_view_id"]) for event in person.sent.values()
    }


def test_its_rows_are_one_session_of_one_party_on_one_device_in_one_country(installation: Installation, person: Front) -> None:
    rows = rows_of(installation, person)
    found = {tuple(row[key] for key in ("party_kind", "country", "city", "device_type", "browser", "os", "is_bot")) for row in rows}
    assert found == {("private", "Australia", "South Brisbane", "desktop", "Chrome", "Linux", 0)}
    assert len({(row["party_id"], row["session_id"]) for row in rows}) == 1
    views = sorted((row for row in rows if row["event_type"] == "pageView"), key=lambda row: str(row["__time"]))
    assert [row["session_page_number"] for row in views] == list(range(1, len(views) + 1))
    assert sum(row["is_session_start"] for row in rows) == 1


def test_a_headless_browser_is_a_bot_with_its_reason(installation: Installation, robot: Front) -> None:
    rows = rows_of(installation, robot)
    assert sorted(row["event_id"] for row in rows) == sorted(robot.sent)
    assert {(row["is_bot"], row["device_type"], bool(row["bot_reasons"])) for row in rows} == {(1, "bot", True)}


@pytest.mark.timeout(240)
def test_the_dashboard_draws_every_chart_and_counts_the_people_and_not_the_robot(
    chromium: Browser, installation: Installation, person: Front, robot: Front, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{installation.dashboards_port}"
    password = (installation.state / "secrets" / "dashboards-password").read_text().strip()
    dashboards = Dashboards(url, password)
    people, robots = person.page_views, robot.page_views
    # A chart ends with the last whole second: what happened in this one is there in the next.
    wait_until(lambda: dashboards.figure("page_views", traffic=["People", "Bots"]) == people + robots)
    assert dashboards.figure("page_views") == people > 0
    dashboards.close()
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, url, password)
    charts = open_dashboard(page, url)
    take_picture(page, tmp_path / "dashboard.png")
    context.close()
    assert [chart.name for chart in charts if chart.has_failed] == []
    assert len(charts) >= 14
