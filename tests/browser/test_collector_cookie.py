"""The cookie of a collector in a browser: page and collector are two origins of one site."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Request
from support.browser.chromium import SIGNALS, Visitor
from support.browser.recorder import Recorder
from support.collector.collectors import RunningCollector, collector_running
from support.collector.divolte import PARTY, a_query
from support.waiting import wait_until

from schemas.codec import Record

SOURCES = """
[shop]
kind = "tracker"
event_path = "/h"
script_path = "/headrace.js"
full_script = true
allowed_origins = ["{site}"]
server_cookie = "__Host-party"

[divolte]
kind = "divolte_tag"
event_path = "/csc-event"
script_path = "/divolte.js"
allowed_origins = ["{site}"]
server_cookie = "party"
"""


@pytest.fixture
def collector(tmp_path: Path, recorder: Recorder) -> Iterator[RunningCollector]:
    (tmp_path / "sources.toml").write_text(SOURCES.format(site=recorder.site))
    with collector_running(tmp_path, sources_file=tmp_path / "sources.toml") as running:
        yield running


def open_page(visitor: Visitor, collector: RunningCollector) -> None:
    visitor.open("/a", tag=f'<script src="{collector.url}/headrace.js" data-site="shop" data-cookie></script>')


def send_event(visitor: Visitor, collector: RunningCollector, name: str) -> Record:
    """Send an event and return its record once it is acknowledged."""
    visitor.fire(name)
    visitor.wait_for_answer()
    (record,) = (record for record in collector.records() if record["event_type"] == name)
    return record


def forget(visitor: Visitor) -> None:
    """Empty the storage while no page with the tracker is open, as Safari does after a week."""
    visitor.page.goto(visitor.recorder.site + "/without-tracker")
    visitor.page.evaluate("localStorage.clear()")


def lifetimes(visitor: Visitor) -> list[Any]:
    return [cookie.get("expires") for cookie in visitor.context.cookies()]


def cookies(visitor: Visitor) -> list[Any]:
    return [(cookie.get("name"), cookie.get("value"), cookie.get("httpOnly"), cookie.get("secure")) for cookie in visitor.context.cookies()]


def test_a_party_lasts_without_the_browsers_storage_until_it_says_no(visitor: Visitor, collector: RunningCollector) -> None:
    sent: list[Request] = []
    visitor.context.on("requestfinished", lambda request: sent.append(request) if request.url.endswith("/h") else None)
    open_page(visitor, collector)
    assert send_event(visitor, collector, "unasked")["party_kind"] == "private"
    assert cookies(visitor) == []

    visitor.consent("granted")
    granted = send_event(visitor, collector, "granted")
    assert granted["party_kind"] == "consented"
    assert cookies(visitor) == [("__Host-party", granted["party_id"], True, True)]
    assert visitor.page.evaluate("document.cookie") == "", "no script reads it"

    set_once = lifetimes(visitor)
    forget(visitor)
    open_page(visitor, collector)
    assert send_event(visitor, collector, "unasked-again")["party_kind"] == "private"
    visitor.consent("granted")
    returned = send_event(visitor, collector, "returned")
    assert returned["party_id"] == granted["party_id"]
    assert returned["is_new_party"] is False
    assert returned["session_id"] != granted["session_id"]
    assert lifetimes(visitor) == set_once

    visitor.consent("denied")
    assert send_event(visitor, collector, "denied")["party_kind"] == "none"
    assert cookies(visitor) == []
    assert send_event(visitor, collector, "still-denied")["party_kind"] == "none"

    visitor.settle()
    party = f"__Host-party={granted['party_id']}"
    assert [request.all_headers().get("cookie") for request in sent] == [None, None, None, party, party, None]
    ids = [record["event_id"] for record in collector.records()]
    assert len(ids) == len(set(ids)), "every answer was read: nothing came twice"


def test_divoltes_tag_gets_it_too(visitor: Visitor, collector: RunningCollector, recorder: Recorder) -> None:
    tag = f'<script src="{collector.url}/divolte.js" data-cookie></script>'
    visitor.page.goto(recorder.page("/a", tag=tag))
    visitor.wait()
    wait_until(collector.records)
    (view,) = collector.records()
    wait_until(lambda: any(cookie.get("name") == "party" for cookie in visitor.context.cookies()))
    assert ("party", view["party_id"], True, True) in cookies(visitor)

    visitor.page.evaluate("document.cookie = '_dvp=; max-age=0; path=/'")
    visitor.page.goto(recorder.page("/b", tag=tag))
    visitor.wait()
    wait_until(lambda: len(collector.records()) == 2)
    again = collector.records()[1]
    assert (again["party_id"], again["is_new_party"]) == (view["party_id"], False)
    assert visitor.page.evaluate("divolte.partyId") != view["party_id"], "what Safari does to a script's cookie after a week"


def test_divoltes_tag_has_it_deleted_once_the_browser_says_no(visitor: Visitor, collector: RunningCollector, recorder: Recorder) -> None:
    visitor.context.add_cookies([{"name": "party", "value": PARTY, "url": collector.url, "httpOnly": True, "sameSite": "Lax"}])
    visitor.page.add_init_script(SIGNALS["gpc"])
    visitor.page.goto(recorder.page("/a", tag=f'<script src="{collector.url}/divolte.js" data-cookie></script>'))
    visitor.wait()
    wait_until(lambda: [record["party_kind"] for record in collector.records()] == ["none"])
    wait_until(lambda: "party" not in [cookie.get("name") for cookie in visitor.context.cookies()])


def test_a_link_of_another_site_to_a_pixel_sets_none(visitor: Visitor, collector: RunningCollector, recorder: Recorder) -> None:
    visitor.page.goto(recorder.site + "/without-tracker")
    url = f"{collector.url}/csc-event?{a_query()}"
    with visitor.context.expect_page() as led:
        visitor.page.evaluate("address => window.open(address, '', 'noreferrer')", url)
    wait_until(lambda: [record["party_id"] for record in collector.records()] == [PARTY])
    led.value.wait_for_load_state()
    assert cookies(visitor) == []
