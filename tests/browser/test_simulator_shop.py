"""A real browser in the demo shop, through to the records that the real collector wrote."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.collector.collectors import RunningCollector, collector_running
from support.simulator import RunningShop, records, shop_running
from support.waiting import wait_until

from simulator.shop.products import load_catalogue


@dataclass
class Customer:
    """A browser profile in the shop, and the records of the collector."""

    context: BrowserContext
    page: Page
    collector: RunningCollector
    seen_before: int = 0

    def records(self) -> list[dict[str, Any]]:
        return records(self.collector.topic_directory, "shop")[self.seen_before :]

    def wait_for(self, event_type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until that many events of a type are written, and return them."""

        def found() -> list[dict[str, Any]]:
            return [record for record in self.records() if record["event_type"] == event_type]

        wait_until(lambda: len(found()) >= count, within_seconds=20)
        assert len(found()) == count
        return found()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with collector_running(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(collector: RunningCollector) -> Iterator[RunningShop]:
    with shop_running(collector.url) as running:
        yield running


@pytest.fixture
def customer(chromium: Browser, shop: RunningShop, collector: RunningCollector) -> Iterator[Customer]:
    context = chromium.new_context(base_url=shop.url, viewport={"width": 1280, "height": 800})
    context.route("https://example.org/**", lambda route: route.fulfill(body="elsewhere"))
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield Customer(context, page, collector, len(records(collector.topic_directory, "shop")))
    context.close()
    assert said == []


def parameters(record: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(record["parameters"]))


def test_a_customer_buys_and_every_step_is_a_record(customer: Customer) -> None:
    page = customer.page
    page.goto("/product/VD55165149")
    page.fill("[name=quantity]", "2")
    page.click("text=Add to basket")
    expect(page.locator("[data-basket-count]")).to_have_text("2")
    page.goto("/product/VD5582785")
    page.click("text=Add to basket")
    page.click(".basket-link")
    page.get_by_role("button", name="Remove Deluxe Leather Crossbody Bag").click()
    page.click("text=Go to checkout")
    expect(page.locator("[data-basket-total]")).to_have_text("€ 91.18")
    page.click("text=Buy (not really)")
    page.wait_for_url("**/thanks?order=*")

    (purchase,) = customer.wait_for("purchase")
    assert (purchase["revenue"], purchase["currency"], purchase["quantity"], purchase["product_id"]) == (91.18, "EUR", 2, "VD55165149")
    assert page.url.endswith(parameters(purchase)["order"])
    assert [record["quantity"] for record in customer.wait_for("addToBasket", 2)] == [2, 1]
    assert [record["product_id"] for record in customer.wait_for("removeFromBasket")] == ["VD5582785"]
    assert [parameters(record)["value"] for record in customer.wait_for("beginCheckout")] == [91.18]
    viewed = [record["page_path"] for record in customer.wait_for("pageView", 5)]
    assert viewed == ["/product/VD55165149", "/product/VD5582785", "/basket", "/checkout", "/thanks"]
    assert len(customer.wait_for("viewProduct", 2)) == 2


def test_each_route_of_the_catalogue_is_a_page_view_with_its_own_title(customer: Customer) -> None:
    page = customer.page
    page.goto("/catalogue")
    page.select_option("[name=category]", "shoes")
    expect(page.locator("[data-cards] > li")).to_have_count(len(load_catalogue().categories["shoes"].products))
    customer.wait_for("pageView", 2)
    page.select_option("[name=sort]", "price")
    expect(page.locator("[data-cards] > li").first).to_contain_text("Vintage Leather Hiking Boots")
    customer.wait_for("pageView", 3)
    page.go_back()
    viewed = customer.wait_for("pageView", 4)
    assert [(record["page_path"], record["page_title"].partition(" ·")[0]) for record in viewed] == [
        ("/catalogue", "Catalogue"),
        ("/catalogue/shoes", "Shoes in the catalogue"),
        ("/catalogue/shoes", "Shoes in the catalogue"),
        ("/catalogue/shoes", "Shoes in the catalogue"),
    ]


def test_the_price_list_is_a_download_and_the_mills_are_elsewhere(customer: Customer) -> None:
    page = customer.page
    page.goto("/about")
    with page.expect_download() as download:
        page.click("footer >> text=Price list")
    assert download.value.suggested_filename == "catalogue.csv"
    page.click("footer >> text=Mills worth a visit")
    page.wait_for_url("https://example.org/mills")
    assert customer.wait_for("download")[0]["target"].endswith("/downloads/catalogue.csv")
    assert customer.wait_for("outboundClick")[0]["target"] == "https://example.org/mills"


def test_a_yes_makes_a_party_and_a_later_no_ends_it(customer: Customer) -> None:
    page = customer.page
    page.goto("/")
    assert customer.wait_for("pageView")[0]["party_kind"] == "private"
    page.click("text=Yes, that is fine")
    expect(page.locator("[data-consent]")).to_be_hidden()
    page.goto("/journal")
    assert customer.wait_for("pageView", 2)[1]["party_kind"] == "consented"
    page.click("footer >> text=Privacy choice")
    page.get_by_role("button", name="No", exact=True).click()
    page.goto("/about")
    assert [record["party_kind"] for record in customer.wait_for("pageView", 3)] == ["private", "consented", "none"]
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('headrace'))") == []


def test_reading_an_article_reports_how_far_it_was_scrolled(customer: Customer) -> None:
    page = customer.page
    page.goto("/journal/caring-for-leather")
    customer.wait_for("pageView")
    assert page.evaluate("document.documentElement.scrollHeight > 1.5 * innerHeight")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.goto("/about")
    left = [record for record in customer.wait_for("pageLeave") if record["page_path"].startswith("/journal")]
    assert left[0]["scroll_percent"] == 100


@pytest.mark.parametrize("path", ["/", "/catalogue", "/product/VD55181667", "/basket", "/checkout", "/journal/a-small-workshop", "/about"])
def test_a_page_fits_a_phone_and_names_its_controls(customer: Customer, path: str) -> None:
    page = customer.page
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.get_by_role("heading", level=1).count() == 1
    nameless = "[...document.querySelectorAll('a, button, input, select')].filter(e => !(e.ariaLabel || e.innerText || e.labels?.length))"
    assert page.evaluate(f"{nameless}.filter(e => e.checkVisibility()).length") == 0


def test_every_page_fits_a_phone(customer: Customer) -> None:
    page = customer.page
    page.set_viewport_size({"width": 360, "height": 740})
    product = max(load_catalogue().products.values(), key=lambda product: max(map(len, product.title.split())))
    page.goto(f"/product/{product.id}")
    page.get_by_role("button", name="Add to basket").click()
    for path in ("/", "/catalogue", "/journal", "/about", f"/product/{product.id}", "/basket", "/checkout"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
