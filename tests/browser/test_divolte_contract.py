"""Events of the tag in place of Divolte's go the whole way: none is rejected, and each is one row, whichever other client sent it."""

from pathlib import Path
from typing import Any

import pytest
from support.browser.chromium import SIGNALS
from support.browser.recorder import Recorder
from support.browser.tagged import Tagged
from support.collector.collecting import collected
from support.streams.in_memory import Converting

PARAMETERS: dict[str, Any] = {
    "revenue": 12.5,
    "product_id": "a",
    "text": "Äpfel 😀",
    "deep": {"list": [1, [2.5, {"x": True}]]},
    "none": None,
}


def browse(tagged: Tagged) -> None:
    """Two pages, one event on each, then a return to the first."""
    for path in ("/a?utm_source=letter", "/b"):
        tagged.open(path)
        tagged.signal("addToBasket", PARAMETERS)
    tagged.page.go_back(wait_until="commit")
    tagged.signal("back", [1])


@pytest.mark.parametrize("signal", ["", SIGNALS["gpc"]])
def test_each_event_is_one_row_with_what_the_page_said(tagged: Tagged, recorder: Recorder, tmp_path: Path, signal: str) -> None:
    tagged.page.add_init_script(signal)
    browse(tagged)
    events = tagged.events(6)
    collector, answers = collected(recorder.batches)
    assert {result for answer in answers for result in answer.results} == {"ok"}
    converting = Converting(tmp_path)
    rows = converting.take(*collector.topic.messages)
    assert len(rows) == 6
    assert {row["source"] for row in rows} == {"divolte"}
    assert {row["party_kind"] for row in rows} == ({"none"} if signal else {"consented"})
    basket = next(record for record in collector.records if record["event_type"] == "addToBasket")
    assert (basket["revenue"], basket["product_id"]) == (12.5, "a")
    if not signal:
        parties = {(record["party_id"], record["session_id"]) for record in collector.records}
        assert parties == {(events[0]["party_id"], events[0]["session_id"])}
    assert {record["page_view_id"] for record in collector.records} == {event["page_view_id"] for event in events}


def test_an_event_that_comes_again_is_the_same_row(tagged: Tagged, recorder: Recorder, tmp_path: Path) -> None:
    browse(tagged)
    tagged.events(6)
    converting = Converting(tmp_path)
    for _ in range(2):
        collector, _ = collected(recorder.batches)
        converting.take(*collector.topic.messages)
    assert converting.accounts()["stored"] == 6
