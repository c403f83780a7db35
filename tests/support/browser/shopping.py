"""A visit to the demo shop in a real browser, with all that its pages send noted down."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext
from support.browser.chromium import ARGUMENTS, CHROMIUM
from support.collector.front import Front, front_running
from support.headrace.installation import Installation
from support.waiting import wait_until

ORDINARY = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
WITH_CACHE = ["--disable-back-forward-cache"]
WANTED = {"pageView", "pageLeave", "addToBasket", "download", "outboundClick"}
FROM_AUSTRALIA = "1.17.4.4"  # of a network in enrichment/data/places.csv


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
    """Go shopping; the user agent is set for the whole browser, because requests at page leave no longer belong to the page."""
    with front_running(f"http://127.0.0.1:{installation.shop_port}", FROM_AUSTRALIA) as front:
        context = browser.new_context()
        go_shopping(context, front.url)
        wait_until(lambda: {event["type"] for event in front.sent.values()} >= WANTED)
        context.close()
    wait_until(lambda: installation.ledger()["difference"] == 0)
    return front


def shop_as_a_person(chromium: Browser, installation: Installation) -> Front:
    """Go shopping in a browser that hides that it is headless."""
    browser = chromium.browser_type.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, f"--user-agent={ORDINARY}"], ignore_default_args=WITH_CACHE
    )
    front = shop_with(browser, installation)
    browser.close()
    return front


def rows_of(installation: Installation, front: Front) -> list[dict[str, Any]]:
    ids = ", ".join(f"'{event_id}'" for event_id in front.sent)
    wait_until(lambda: installation.count(f"event_id IN ({ids})") >= len(front.sent))
    return installation.sql(f"SELECT * FROM clickstream WHERE event_id IN ({ids})")
