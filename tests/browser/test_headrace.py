"""From a click in a real browser to a chart: the whole of headrace, started as a user starts it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext
from support.browser import ARGUMENTS, CHROMIUM
from support.front import Front, front_running
from support.installation import Installation
from support.superset import Dashboards, log_in, open_dashboard, take_picture
from support.waiting import wait_until

ORDINARY = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
WITH_CACHE = ["--disable-back-forward-cache"]
WANTED = {"pageView", "pageLeave", "addToBasket", "download", "outboundClick"}
FROM_AUSTRALIA = "1.17.4.4"  # of a network in enrichment/data/places.csv


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(tmp_path_factory.mktemp("state"), "--no-visits", within_seconds=120)
    yield running
    assert running.stop() == 0


def go_shopping(context: BrowserContext, shop: str) -> None:
    context.route("https://example.org/**", lambda route: route.fulfill(body="elsewhere"))
    page = context.new_page()
    page.goto(shop)
    page.get_by_role("link", name="See the catalogue").click()
    page.locator("[data-cards] a").first.click()
    page.locator("[data-add] button").first.click()
    page.get_by_role("link", name="Basket").first.click()
    page.go_back(wait_until="commit")  # from the back/forward cache: nothing loads
    with page.expect_download():
        page.get_by_role("link", name="Price list").click()
    page.get_by_role("link", name="About").click()
    page.mouse.wheel(0, 5000)
    page.get_by_role("link", name="Mills worth a visit").click()
    page.wait_for_url("https://example.org/**")


def shop_with(browser: Browser, installation: Installation) -> Front:
    """Go shopping; an agent is the browser's own: what a page sends while it goes away is not of the page any more."""
    with front_running(f"http://127.0.0.1:{installation.shop_port}", FROM_AUSTRALIA) as front:
        context = browser.new_context()
        go_shopping(context, front.url)
        wait_until(lambda: {event["type"] for event in front.sent.values()} >= WANTED)
        context.close()
    wait_until(lambda: installation.ledger()["difference"] == 0)
    return front


def rows_of(installation: Installation, front: Front) -> list[dict[str, Any]]:
    ids = ", ".join(f"'{event_id}'" for event_id in front.sent)
    wait_until(lambda: installation.count(f"event_id IN ({ids})") >= len(front.sent))
    return installation.sql(f"SELECT * FROM clickstream WHERE event_id IN ({ids})")


@pytest.fixture(scope="module")
def person(chromium: Browser, installation: Installation) -> Front:
    browser = chromium.browser_type.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, f"--user-agent={ORDINARY}"], ignore_default_args=WITH_CACHE
    )
    front = shop_with(browser, installation)
    browser.close()
    return front


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
    people = sum(event["type"] == "pageView" for event in person.sent.values())
    robots = sum(event["type"] == "pageView" for event in robot.sent.values())
    assert dashboards.figure("page_views") == people > 0
    assert dashboards.figure("page_views", traffic=["People", "Bots"]) == people + robots
    dashboards.close()
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, url, password)
    charts = open_dashboard(page, url)
    take_picture(page, tmp_path / "dashboard.png")
    context.close()
    assert [chart.name for chart in charts if chart.has_failed] == []
    assert len(charts) >= 14
