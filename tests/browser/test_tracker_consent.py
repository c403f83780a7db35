"""The tracker remembers nobody unless the visitor and the browser consent."""

from typing import Any

import pytest
from support.browser.chromium import SIGNALS, Visitor, set_hidden
from support.browser.recorder import Answer, Recorder
from support.waiting import wait_until

IDENTITY = {"party_id", "session_id", "is_new_party", "is_first_in_session"}
MINUTE = 60_000
FILL = """() => {
    let piece = 'x'.repeat(1 << 20), n = 0;
    while (piece) try { localStorage['filler' + n++] = piece } catch { piece = piece.slice(piece.length / 2 + .5) }
}"""


def identities(events: list[dict[str, Any]]) -> set[tuple[str | None, str | None]]:
    return {(event.get("party_id"), event.get("session_id")) for event in events}


def headrace_items(visitor: Visitor) -> dict[str, str]:
    return {key: value for key, value in visitor.stored().items() if not key.startswith("filler")}


def test_by_default_nothing_is_kept(visitor: Visitor, recorder: Recorder) -> None:
    page = visitor.open()
    visitor.fire("custom")
    event = visitor.wait_for("custom")[0]
    page.evaluate("history.pushState({}, '', '/b')")
    set_hidden(page, True)
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert not IDENTITY & event.keys()
    assert visitor.stored() == {}
    assert visitor.context.cookies() == []
    assert page.evaluate("[sessionStorage.length, document.cookie]") == [0, ""]
    assert page.evaluate("indexedDB.databases()") == []


def test_consent_brings_party_and_session_that_last_over_pages_and_tabs(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open("/a")
    visitor.consent("granted")
    visitor.wait_for("pageView")
    visitor.settle()  # a page that goes before its answer leaves a copy to the next
    visitor.open("/b")
    visitor.wait_for("pageView", 2)
    visitor.settle()
    visitor.open("/c", page=visitor.context.new_page())
    views = visitor.wait_for("pageView", 3)
    assert len(identities(views)) == 1
    assert all(len(view["party_id"]) == len(view["session_id"]) == 32 for view in views)
    assert [view["is_new_party"] for view in views] == [True, False, False]
    assert [view["is_first_in_session"] for view in views] == [True, False, False]
    assert not any(view["is_private"] for view in views)


def test_an_event_before_consent_has_no_identity(visitor: Visitor) -> None:
    visitor.open()
    visitor.wait_for("pageView")
    visitor.consent("granted")
    visitor.fire("after")
    after = visitor.wait_for("after")[0]
    assert "party_id" not in visitor.recorder.of_type("pageView")[0]
    assert after["is_new_party"] is True


def test_half_an_hour_of_silence_ends_a_session(visitor: Visitor) -> None:
    visitor.open()
    visitor.consent("granted")
    visitor.wait_for("pageView")
    for name, minutes in (("soon", 29), ("still", 29), ("late", 31)):
        visitor.context.clock.fast_forward(minutes * MINUTE)
        visitor.fire(name)
        visitor.wait_for(name)
    first, soon, still, late = (event for event in visitor.recorder.events if event["type"] != "pageLeave")
    assert first["session_id"] == soon["session_id"] == still["session_id"] != late["session_id"]
    assert first["party_id"] == late["party_id"]
    assert (late["is_first_in_session"], late["is_new_party"]) == (True, False)


def test_a_party_is_renewed_after_thirteen_months_and_not_before(visitor: Visitor) -> None:
    visitor.open()
    visitor.consent("granted")
    visitor.wait_for("pageView")
    for name, days in (("young", 394), ("old", 2)):
        visitor.context.clock.fast_forward(days * 24 * 60 * MINUTE)
        visitor.fire(name)
        visitor.wait_for(name)
    first, young, old = (event for event in visitor.recorder.events if event["type"] != "pageLeave")
    assert first["party_id"] == young["party_id"] != old["party_id"]
    assert (old["is_new_party"], old["is_first_in_session"]) == (True, True)
    assert old["session_id"] != young["session_id"]


def test_with_consent_events_survive_the_tab(visitor: Visitor, recorder: Recorder) -> None:
    recorder.answer = Answer(503)
    page = visitor.context.new_page()
    visitor.open("/a", page=page)
    visitor.consent("granted", page)
    visitor.fire("kept", {"n": 1}, page)
    page.close(run_before_unload=False)
    recorder.answer = Answer()
    visitor.open("/b")
    visitor.wait()
    wait_until(lambda: any(event["url"] == f"{recorder.site}/b" for event in recorder.taken))
    rows = {event["id"]: (event["type"], event["url"].removeprefix(recorder.site)) for event in recorder.taken}  # the id removes a copy
    assert sorted(row for row in rows.values() if row[0] != "pageLeave") == [("kept", "/a"), ("pageView", "/a"), ("pageView", "/b")]


def test_events_in_memory_join_the_queue_when_consent_comes_in_another_tab(visitor: Visitor, recorder: Recorder) -> None:
    recorder.answer = Answer(503)
    visitor.open("/a")
    visitor.wait_for_answer()
    other = visitor.open("/b", page=visitor.context.new_page())
    visitor.consent("granted", other)
    visitor.wait(400_000)
    recorder.answer = Answer()
    visitor.fire("now")
    visitor.wait()
    wait_until(lambda: {event["url"] for event in recorder.taken} == {f"{recorder.site}/a", f"{recorder.site}/b"})


def test_tabs_that_write_at_the_same_moment_lose_nothing(visitor: Visitor, recorder: Recorder) -> None:
    visitor.page.add_init_script("document.hasFocus = () => false")
    recorder.answer = Answer(503)
    first = visitor.open("/a")
    visitor.consent("granted")
    second = visitor.open("/b", page=visitor.context.new_page())
    for n in range(5):
        visitor.fire(f"first{n}", page=first)
        visitor.fire(f"second{n}", page=second)
        visitor.wait()  # both tabs' timers end in it
        visitor.settle()
    recorder.answer = Answer()
    for page in (first, second):
        page.evaluate("dispatchEvent(new Event('online'))")
    expected = {"pageView", *(f"{tab}{n}" for tab in ("first", "second") for n in range(5))}
    wait_until(lambda: expected <= {event["type"] for event in recorder.taken})
    assert len({event["id"] for event in recorder.taken if event["type"] != "pageLeave"}) == 12


def test_denied_deletes_in_every_tab(visitor: Visitor, recorder: Recorder) -> None:
    first = visitor.open("/a")
    visitor.consent("granted")
    visitor.wait_for("pageView")
    second = visitor.open("/b", page=visitor.context.new_page())
    visitor.wait_for("pageView", 2)
    recorder.answer = Answer(503)
    visitor.fire("forgotten", page=second)
    visitor.wait_for("forgotten")
    recorder.answer = Answer()
    visitor.consent("denied", first)
    assert visitor.stored() == {}
    for page in (second, first):
        visitor.fire("after", page=page)
    for event in visitor.wait_for("after", 2):
        assert event["is_private"] is True
        assert not IDENTITY & event.keys()
    visitor.wait(400_000)
    visitor.settle()
    assert not [event for event in recorder.taken if event["type"] == "forgotten"]
    assert visitor.stored() == visitor.stored(second) == {}


def test_granted_after_denied_is_another_party(visitor: Visitor) -> None:
    visitor.open()
    for number, answer in enumerate(["granted", "denied", "granted"]):
        visitor.consent(answer)
        visitor.fire(f"step{number}")
        visitor.wait_for(f"step{number}")
    first, second, third = (event for event in visitor.recorder.events if event["type"].startswith("step"))
    assert first["party_id"] != third["party_id"]
    assert second["is_private"] is True
    assert third["is_private"] is False


def test_an_answer_that_is_neither_counts_as_denied(visitor: Visitor) -> None:
    visitor.open()
    visitor.consent("granted")
    visitor.consent("perhaps")
    assert visitor.wait_for("pageView")[0]["is_private"] is True
    assert visitor.stored() == {}


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_browsers_own_no_stands_above_consent(visitor: Visitor, signal: str) -> None:
    visitor.open("/a")
    visitor.consent("granted")
    visitor.wait_for("pageView")
    assert visitor.stored() != {}
    visitor.page.add_init_script(SIGNALS[signal])
    visitor.open("/b")
    assert visitor.stored() == {}
    visitor.consent("granted")
    view = visitor.wait_for("pageView", 2)[1]
    assert view["is_private"] is True
    assert not IDENTITY & view.keys()
    assert visitor.stored() == {}


def test_blocked_storage_means_memory(visitor: Visitor) -> None:
    visitor.page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})")
    visitor.open()
    visitor.consent("granted")
    visitor.wait_for("pageView")
    visitor.fire("next")
    visitor.wait_for("next")
    assert len(identities(visitor.recorder.events)) == 1
    assert identities(visitor.recorder.events) != {(None, None)}
    visitor.consent("denied")
    visitor.fire("last")
    assert not IDENTITY & visitor.wait_for("last")[0].keys()


@pytest.mark.parametrize("consents_first", [True, False])
def test_full_storage_means_memory(visitor: Visitor, recorder: Recorder, consents_first: bool) -> None:
    recorder.answer = Answer(503)
    page = visitor.open()
    if consents_first:
        visitor.consent("granted")
        visitor.wait_for_answer()
    page.evaluate(FILL)
    visitor.consent("granted")
    page.evaluate("for (let n = 0; n < 30; n++) headrace('tick', {n})")
    visitor.wait_for_answer()
    recorder.answer = Answer()
    visitor.fire("now")
    visitor.wait()
    wait_until(lambda: any(event["type"] == "now" for event in recorder.taken))
    assert [event["parameters"]["n"] for event in recorder.taken if event["type"] == "tick"] == list(range(30))
    assert len(identities(recorder.taken)) == 1
    visitor.consent("denied")
    assert headrace_items(visitor) == {}
