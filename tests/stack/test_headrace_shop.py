"""From a click in a real browser, over a real Kafka and a real Druid, to a chart: `headrace up --engines druid` as a user starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser.chromium import chromium_running
from support.browser.shopping import rows_of, shop_as_a_person, shop_with
from support.headrace.installation import Installation
from support.ports import free_engine_ports
from support.superset import Dashboards, log_in, open_dashboard, take_picture
from support.waiting import wait_until


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    options = [text for name, port in free_engine_ports().without_broker().items() for text in ("--engine-port", f"{name}={port}")]
    running = Installation.start(tmp_path / "state", "--engines", "druid", "--no-visits", *options, within_seconds=300)
    yield running
    assert running.stop() == 0


@pytest.mark.timeout(900)
def test_events_of_a_browser_are_rows_in_druid_and_the_same_count_on_the_chart(
    chromium: Browser, installation: Installation, tmp_path: Path
) -> None:
    person, robot = shop_as_a_person(chromium, installation), shop_with(chromium, installation)
    wait_until(installation.has_table, within_seconds=60)
    for front in (person, robot):
        rows = rows_of(installation, front)
        assert sorted(row["event_id"] for row in rows) == sorted(front.sent)
    assert len({(row["party_id"], row["session_id"]) for row in rows_of(installation, person)}) == 1
    url = f"http://127.0.0.1:{installation.dashboards_port}"
    password = (installation.state / "secrets" / "dashboards-password").read_text().strip()
    dashboards = Dashboards(url, password)
    both = person.page_views + robot.page_views
    # A chart ends with the last whole second: what happened in this one is there in the next.
    wait_until(lambda: dashboards.figure("page_views", traffic=["People", "Bots"]) == both)
    assert dashboards.figure("page_views") == person.page_views > 0
    dashboards.close()
    page = chromium.new_page()
    log_in(page, url, password)
    charts = open_dashboard(page, url)
    take_picture(page, tmp_path / "dashboard.png")
    assert [chart.name for chart in charts if chart.has_failed] == []
    assert len(charts) >= 14
