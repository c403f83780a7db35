"""Events of the tracker in a real browser go the whole way: the collector rejects none, and the converter makes a row of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser.chromium import Visitor, set_hidden
from support.browser.recorder import Recorder
from support.collector.collecting import collected
from support.streams.in_memory import Converting

PAGES = """
    <a id="out" href="https://jo@other.example/x?token=1#y" target="_blank">out</a>
    <a id="file" href="/price%20list.pdf?key=1" download>file</a>
"""
PARAMETERS = {
    "revenue": 12.5,
    "quantity": "3",
    "product_id": 17,
    "currency": "EUR",
    "text": 'Äpfel "für" 😀 \\ \u2028',
    "nothing": None,
    "deep": {"list": [1, [2.5, {"x": True}]]},
    "large": 2**53,
}
SCREENS = [
    {"viewport": {"width": 1280, "height": 720}, "device_scale_factor": 1.25},
    {"viewport": {"width": 320, "height": 200}, "device_scale_factor": 2.625, "is_mobile": True, "has_touch": True, "locale": "pt-BR"},
    {"viewport": {"width": 7680, "height": 4320}, "screen": {"width": 7680, "height": 4320}, "timezone_id": "Asia/Kathmandu"},
]


@pytest.fixture(params=SCREENS, ids=["fraction", "phone", "huge"])
def visitor(chromium: Browser, recorder: Recorder, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    context = chromium.new_context(**request.param)
    yield Visitor(context, recorder)
    context.close()


def browse(visitor: Visitor) -> None:
    """Do all that the tracker reports: privately, with consent, after a denial."""
    for number, answer in enumerate((None, "granted", "denied"), 1):
        visitor.open(f"/start-{answer}?utm_source=letter&secret=1#part", body=PAGES)
        if answer:
            visitor.consent(answer)
        visitor.wait_for("pageView")
        visitor.page.evaluate("scrollTo(0, 700)")
        visitor.page.evaluate("document.querySelectorAll('a').forEach(link => link.onclick = event => event.preventDefault())")
        visitor.page.evaluate("document.title = 'Äpfel 😀'; history.pushState({}, '', '/next page?q=jo@mail.example')")
        visitor.fire("addToBasket", PARAMETERS)
        visitor.fire("noParameters")
        visitor.page.click("#out")
        visitor.page.click("#file")
        visitor.wait(2345)
        set_hidden(visitor.page, True)
        set_hidden(visitor.page, False)
        visitor.wait_for("download", number)
        visitor.wait_for("pageLeave", 2 * number)


def test_no_event_of_the_tracker_is_rejected_and_a_retry_is_a_duplicate_after_any_change_of_consent(
    visitor: Visitor, recorder: Recorder, tmp_path: Path
) -> None:
    browse(visitor)
    events = {event["id"]: event for event in recorder.events}
    assert {event["type"] for event in events.values()} == {
        *("pageView", "pageLeave", "addToBasket", "noParameters", "outboundClick", "download")
    }
    converting = Converting(tmp_path)
    collector, answers = collected(recorder.batches)
    assert {result for answer in answers for result in answer.results} == {"ok"}
    rows = converting.take(*collector.topic.messages)
    assert {row["event_id"] for row in rows} == events.keys()
    assert {row["party_kind"] for row in rows} == {"private", "consented", "none"}
    assert {row["is_implausible"] for row in rows} == {0}
    accounts = converting.accounts()
    assert (accounts["stored"], accounts["dead_letters"], accounts["rejected"]) == (len(events), 0, 0)

    again, _ = collected(recorder.batches, headers=[("sec-gpc", "1")], client=("198.51.100.7", 1))
    assert converting.take(*again.topic.messages) == []
    assert converting.accounts() == accounts | {"duplicates": accounts["duplicates"] + len(again.topic.messages)}
