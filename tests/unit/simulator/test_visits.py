import html
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import pytest
from support.simulator import ROOT

from enrichment.bots import find_bot_reasons
from simulator.settings import PLACES_PATH
from simulator.shop import pages
from simulator.shop.articles import load_articles
from simulator.shop.products import load_catalogue
from simulator.visits.backfill import day_of_events
from simulator.visits.journey import FIXED_PAGES, NEXT_PAGES, TITLE_SUFFIX
from simulator.visits.sources import LANDINGS, SOURCES
from simulator.visits.visit import Moment, Tracker, Visit, headers, plan_visit
from simulator.visits.visitors import Consent
from simulator.visits.world import World, load_world

SHOP = "http://shop.example:8000"
VISITS = 3000


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(PLACES_PATH)


@pytest.fixture(scope="module")
def visits(world: World) -> list[Visit]:
    return [plan_visit(world, "a seed", number) for number in range(VISITS)]


def moments_of(visit: Visit, id_key: str = "key") -> list[Moment]:
    return list(Tracker(visit, SHOP, id_key).moments())


def events_of(visit: Visit) -> list[dict[str, object]]:
    return [event for moment in moments_of(visit) for event in moment.events]


def with_consent(visits: list[Visit], consent: Consent) -> list[Visit]:
    return [visit for visit in visits if visit.visitor.consent is consent]


def test_the_same_seed_gives_the_same_visits(world: World, visits: list[Visit]) -> None:
    assert [plan_visit(world, "a seed", number) for number in range(100)] == visits[:100]
    assert [plan_visit(world, "another", number) for number in range(100)] != visits[:100]


def test_a_visit_does_not_depend_on_those_that_were_planned_before_it(world: World, visits: list[Visit]) -> None:
    assert plan_visit(world, "a seed", 1234) == visits[1234]


def test_the_same_key_gives_the_same_ids_and_another_key_others(visits: list[Visit]) -> None:
    assert moments_of(visits[0]) == moments_of(visits[0])
    ids = [{event["id"] for moment in moments_of(visits[0], key) for event in moment.events} for key in ("one", "two")]
    assert ids[0].isdisjoint(ids[1])


def test_no_two_events_have_the_same_id(visits: list[Visit]) -> None:
    ids = [event["id"] for visit in visits for event in events_of(visit)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ["id", "page_view_id"])
def test_ids_are_32_hexadecimal_digits(visits: list[Visit], name: str) -> None:
    assert all(re.fullmatch("[0-9a-f]{32}", str(event[name])) for visit in visits[:200] for event in events_of(visit))


def test_an_event_has_what_the_tracker_says_and_nothing_else(visits: list[Visit]) -> None:
    always = {
        "id", "type", "created_at", "page_view_id", "url", "title", "referrer", "viewport_width", "viewport_height",
        "screen_width", "screen_height", "device_pixel_ratio", "language", "time_zone",
    }  # fmt: skip
    at_times = {
        "party_id",
        "session_id",
        "is_new_party",
        "is_first_in_session",
        "is_private",
        "engagement_ms",
        "scroll_percent",
        "target",
        "parameters",
    }
    for visit in visits[:500]:
        for event in events_of(visit):
            assert always <= event.keys() <= always | at_times


def test_every_type_of_event_comes_up(visits: list[Visit]) -> None:
    assert {event["type"] for visit in visits for event in events_of(visit)} == {
        "pageView", "pageLeave", "viewProduct", "addToBasket", "removeFromBasket", "beginCheckout", "purchase", "outboundClick", "download",
    }  # fmt: skip


def test_a_persons_page_view_is_left_once_with_time_and_depth(visits: list[Visit]) -> None:
    people = [visit for visit in visits if not visit.visitor.is_bot]
    for visit in people[:500]:
        events = events_of(visit)
        viewed = [event["page_view_id"] for event in events if event["type"] == "pageView"]
        left = [event for event in events if event["type"] == "pageLeave"]
        assert viewed == [event["page_view_id"] for event in left]
        for event, page in zip(left, visit.pages, strict=True):
            assert 0 < page.engagement_ms <= page.stay_ms
            assert event["engagement_ms"] == page.engagement_ms
            assert 0 <= page.scroll_percent <= 100


def test_moments_are_in_order_and_events_not_before_they_happen(visits: list[Visit]) -> None:
    for visit in visits[:500]:
        moments = moments_of(visit)
        assert all(before.at_ms <= after.at_ms for before, after in pairwise(moments))
        assert all(event["created_at"] <= moment.at_ms for moment in moments for event in moment.events)


def test_each_page_is_fetched_but_for_routes_within_one(visits: list[Visit]) -> None:
    for visit in visits[:500]:
        fetched = [moment.get for moment in moments_of(visit) if moment.get]
        assert len(fetched) == sum(not page.is_route for page in visit.pages)


def test_a_route_is_reported_with_the_view_it_ends(visits: list[Visit]) -> None:
    batches = [moment.events for visit in visits for moment in moments_of(visit) if len(moment.events) > 1]
    assert any([event["type"] for event in events] == ["pageLeave", "pageView"] for events in batches)


def test_the_referrer_is_the_source_and_then_the_page_before(visits: list[Visit]) -> None:
    for visit in visits[:500]:
        views = [event for event in events_of(visit) if event["type"] == "pageView"]
        assert [view["referrer"] for view in views] == [visit.referrer, *(view["url"] for view in views[:-1])]


def test_sources_campaigns_and_click_ids_come_up(visits: list[Visit]) -> None:
    queries = {name.partition("=")[0] for visit in visits for name in visit.pages[0].query.split("&")}
    assert {"utm_source", "utm_medium", "utm_campaign", "gclid", "msclkid", "fbclid"} <= queries
    assert {urlsplit(visit.referrer).hostname for visit in visits} >= {None, "www.google.com", "www.bing.com", "chatgpt.com"}


def test_a_page_comes_only_after_one_that_leads_to_it(visits: list[Visit]) -> None:
    for visit in visits:
        if not visit.visitor.is_bot:
            for before, after in pairwise(visit.pages):
                added = any(action.type == "addToBasket" for action in before.actions)
                assert after.kind in NEXT_PAGES[before.kind] or (added and after.kind == "basket")


def test_a_purchase_is_of_what_is_in_the_basket(visits: list[Visit]) -> None:
    bought = 0
    for visit in visits:
        basket: dict[str, int] = {}
        for action in (action for page in visit.pages for action in page.actions):
            parameters = action.fields.get("parameters", {})
            if action.type == "addToBasket":
                basket[parameters["product_id"]] = basket.get(parameters["product_id"], 0) + parameters["quantity"]
            elif action.type == "removeFromBasket":
                basket[parameters["product_id"]] -= parameters["quantity"]
            elif action.type == "purchase":
                prices = load_catalogue().products
                assert parameters["quantity"] == sum(basket.values())
                assert parameters["revenue"] == pytest.approx(sum(prices[one].price * count for one, count in basket.items()))
                basket = {}
                bought += 1
    assert bought > VISITS / 200


def test_shares_are_believable(visits: list[Visit]) -> None:
    share = {consent: len(with_consent(visits, consent)) / VISITS for consent in Consent}
    assert share[Consent.GRANTED] == pytest.approx(0.25, abs=0.06)
    assert 0 < share[Consent.GPC] < 0.05
    assert 0.04 < sum(visit.visitor.is_bot for visit in visits) / VISITS < 0.09
    assert 0.4 < sum(len(visit.pages) == 1 for visit in visits) / VISITS < 0.6
    assert Counter(visit.visitor.country_code for visit in visits).most_common(2)[0][0] == "US"


def test_a_party_with_consent_keeps_its_id_and_begins_a_session_with_each_visit(visits: list[Visit]) -> None:
    consented = with_consent(visits, Consent.GRANTED)
    parties: dict[object, set[object]] = {}
    for visit in consented:
        events = events_of(visit)
        assert len({event["party_id"] for event in events}) == 1
        assert len({event["session_id"] for event in events}) == 1
        assert [event["is_first_in_session"] for event in events] == [True] + [False] * (len(events) - 1)
        assert events[0]["is_new_party"] is (visit.number == visit.visitor.number)
        parties.setdefault(events[0]["party_id"], set()).add(events[0]["session_id"])
    assert max(len(sessions) for sessions in parties.values()) > 1
    assert sum(len(sessions) for sessions in parties.values()) == len(consented)


@pytest.mark.parametrize(("consent", "is_private"), [(Consent.NONE, None), (Consent.DENIED, True), (Consent.GPC, True)])
def test_without_consent_there_is_no_party(visits: list[Visit], consent: Consent, is_private: bool | None) -> None:
    for visit in with_consent(visits, consent)[:100]:
        for event in events_of(visit):
            assert not event.keys() & {"party_id", "session_id", "is_new_party", "is_first_in_session"}
            assert event.get("is_private") is is_private


def test_privacy_control_is_said_in_a_header(visits: list[Visit]) -> None:
    assert all(("Sec-GPC" in headers(visit.visitor)) is (visit.visitor.consent is Consent.GPC) for visit in visits)


def test_a_returning_visitor_has_the_same_browser_and_client_ip(visits: list[Visit]) -> None:
    returning = [visit for visit in visits if visit.visitor.number != visit.number]
    assert len(returning) > VISITS / 10
    assert all(visit.visitor == visits[visit.visitor.number].visitor for visit in returning)


def test_bots_are_those_that_are_known_as_bots(world: World) -> None:
    for browser in world.browsers:
        assert bool(find_bot_reasons(browser.user_agent)) is (browser.device == "bot"), browser.user_agent


def test_a_bot_reports_page_views_only(visits: list[Visit]) -> None:
    types = {event["type"] for visit in visits if visit.visitor.is_bot for event in events_of(visit)}
    assert types == {"pageView"}


def test_every_country_has_networks_and_known_clocks(world: World) -> None:
    assert len(world.countries) > 60
    for country in world.countries:
        assert country.networks
        assert {name for name, _ in country.time_zones} <= available_timezones()
        assert country.time_zones[-1][1] == 180


def test_the_clock_fits_the_longitude(world: World) -> None:
    states = next(country for country in world.countries if country.code == "US")
    assert [states.time_zone(longitude) for longitude in (-122, -74)] == ["America/Los_Angeles", "America/New_York"]


def test_each_source_has_a_share_for_each_landing_page() -> None:
    assert all(len(source.landings) == len(LANDINGS) and sum(source.landings) == 100 for source in SOURCES)


def test_titles_are_those_of_the_shops_pages() -> None:
    catalogue = load_catalogue()
    product, shelf, article = catalogue.products["VD5582785"], catalogue.categories["home-garden"], load_articles()["a-small-workshop"]
    shown = {
        pages.home(catalogue): FIXED_PAGES["home"][1],
        pages.catalogue(catalogue): FIXED_PAGES["catalogue"][1],
        pages.journal(): FIXED_PAGES["journal"][1],
        pages.product(product, shelf, catalogue): product.title,
        pages.category(shelf): shelf.name,
        pages.article(article): article.title,
    }
    for page, title in shown.items():
        match = re.search("<title>(.*)</title>", page)
        assert match
        assert html.unescape(match[1]) == title + TITLE_SUFFIX


def test_a_past_day_is_the_same_whenever_it_is_sent(world: World) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC).date().toordinal()
    events = day_of_events(world, day, visits_per_day=60, seed="x", shop_url=SHOP)
    assert events == day_of_events(world, day, visits_per_day=60, seed="x", shop_url=SHOP)
    assert {event["id"] for event in events}.isdisjoint(
        event["id"] for event in day_of_events(world, day + 1, visits_per_day=60, seed="x", shop_url=SHOP)
    )


def test_past_events_are_in_order_and_have_their_own_times_client_ips_and_agents(world: World) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    events = day_of_events(world, midnight.date().toordinal(), visits_per_day=60, seed="x", shop_url=SHOP)
    times = [event["occurred_at"] for event in events]
    assert times == sorted(times)
    assert midnight.timestamp() * 1000 <= times[0]
    assert all(event["address"] and event["user_agent"] and event["created_at"] is None for event in events)


def test_saturdays_are_quieter_than_mondays(world: World) -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC).date().toordinal()
    counts = [len(day_of_events(world, day, visits_per_day=500, seed="x", shop_url=SHOP)) for day in (monday, monday + 5)]
    assert counts[0] > counts[1]


def test_the_data_have_their_licences() -> None:
    readme = (ROOT / "simulator" / "data" / "README.md").read_text("utf-8")
    names = {path.name for path in (ROOT / "simulator" / "data").iterdir()} - {"README.md"}
    assert all(f"| {name} |" in readme for name in names)
