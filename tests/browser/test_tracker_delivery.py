"""The delivery of events to the collector: batches, responses, retries, bounds, page leave."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from support.browser.chromium import Visitor, set_hidden
from support.browser.recorder import Answer, Recorder
from support.waiting import wait_until

BATCH_BYTES = 48_000
TICKS = "([count, text]) => { for (let n = 0; n < count; n++) headrace('tick', {n, text}) }"


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["parameters"]["n"] for event in events if event["type"] == "tick"]


def without_engagement(visitor: Visitor) -> None:
    """Keep pageLeave out of a count."""
    visitor.page.add_init_script("document.hasFocus = () => false")


def test_batches_have_at_most_50_events(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open().evaluate(TICKS, [180, ""])
    visitor.wait()
    wait_until(lambda: len(recorder.events) >= 181)
    assert numbers(recorder.events) == list(range(180))
    assert [len(batch.events) for batch in recorder.batches] == [50, 50, 50, 31]


def test_batches_have_at_most_48_kilobytes_and_characters_are_not_bytes(visitor: Visitor, recorder: Recorder) -> None:
    refused: list[str] = []  # the browser refuses a batch while it counts the bytes of the last
    visitor.page.on("requestfailed", lambda request: refused.append(request.url))
    visitor.open().evaluate(TICKS, [12, "é" * 7000])
    visitor.wait()
    wait_until(lambda: len(recorder.events) >= 13)
    assert numbers(recorder.events) == list(range(12))
    assert max(len(batch.body) for batch in recorder.batches) <= BATCH_BYTES
    assert [len(batch.events) for batch in recorder.batches[1:]] == [3, 3, 3]
    visitor.settle()
    assert refused == []


def test_an_event_at_the_limit_goes_and_one_beyond_is_counted(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open().evaluate(TICKS, [1, ""])
    visitor.wait_for("tick")
    frame = recorder.batches[0].body.split(b'"events":[')[1]
    envelope_end, separator = len(b"]}"), len(b",")
    view_bytes = frame.index(b'},{"id"') + 1
    tick_bytes = len(frame) - envelope_end - separator - view_bytes
    longest = 47_000 - 1 - tick_bytes
    visitor.page.evaluate(TICKS, [1, "x" * (longest + 1)])
    visitor.page.evaluate(TICKS, [1, "x" * longest])
    visitor.wait_for("tick", 2)
    assert max(len(batch.body) for batch in recorder.batches) > 47_000
    wait_until(lambda: recorder.of_type("queueOverflow"))
    assert recorder.of_type("queueOverflow")[0]["parameters"] == {"dropped": 1}
    visitor.fire("end")
    visitor.wait_for("end")
    assert len(recorder.of_type("tick")) == 2


def test_one_request_is_in_flight(visitor: Visitor, recorder: Recorder) -> None:
    gate = threading.Event()
    recorder.plan = [Answer(waits_for=gate)]
    visitor.open()
    visitor.wait_for("pageView")
    for name in ("x", "y"):
        visitor.fire(name)
        visitor.wait(5000)
    visitor.settle()
    assert len(recorder.batches) == 1
    gate.set()
    wait_until(lambda: len(recorder.batches) == 2)
    assert [event["type"] for event in recorder.batches[1].events] == ["x", "y"]


def test_a_request_without_an_answer_holds_nothing_back(visitor: Visitor, recorder: Recorder) -> None:
    visitor.page.add_init_script("window.isImpatient = true")
    gate = threading.Event()
    recorder.plan = [Answer(waits_for=gate)]
    visitor.open()
    view = visitor.wait_for("pageView")[0]
    visitor.fire("next")
    with visitor.page.expect_event("requestfailed"):
        visitor.wait(30_000)
    visitor.wait_for("next")
    gate.set()
    later = [event for batch in recorder.batches[1:] for event in batch.events]
    assert [event["type"] for event in later] == ["pageView", "next"]
    assert later[0] == view


def test_a_browser_without_a_clock_for_requests_sends_all_the_same(visitor: Visitor, recorder: Recorder) -> None:
    visitor.page.add_init_script("delete AbortSignal.timeout")
    visitor.open()
    visitor.wait_for("pageView")


def test_a_full_queue_drops_the_oldest_but_no_views_and_reports_the_number(visitor: Visitor, recorder: Recorder) -> None:
    without_engagement(visitor)
    recorder.answer = Answer(503)
    page = visitor.open("/a")
    page.evaluate(TICKS, [600, ""])
    page.evaluate("for (const name of ['b', 'c', 'd']) history.pushState({}, '', '/' + name)")
    visitor.wait_for_answer()
    recorder.answer = Answer()
    visitor.fire("now")
    visitor.wait()
    wait_until(lambda: any(event["type"] == "queueOverflow" for event in recorder.taken))
    wait_until(lambda: any(event["type"] == "now" for event in recorder.taken))
    taken = recorder.taken
    dropped = sum(event["parameters"]["dropped"] for event in taken if event["type"] == "queueOverflow")
    kept = [event for event in taken if event["type"] != "queueOverflow"]
    assert len(kept) == len({event["id"] for event in kept}) == 600 + 4 + 1 - dropped
    assert 90 < dropped < 120
    assert numbers(taken) == list(range(600))[-len(numbers(taken)) :]
    assert sum(event["type"] == "pageView" for event in taken) == 4


def test_a_queue_of_512_kilobytes_is_full(visitor: Visitor, recorder: Recorder) -> None:
    without_engagement(visitor)
    recorder.answer = Answer(503)
    visitor.open().evaluate(TICKS, [20, "x" * 40_000])
    visitor.wait_for_answer()
    recorder.answer = Answer()
    visitor.fire("now")
    visitor.wait()
    wait_until(lambda: numbers(recorder.taken)[-1:] == [19])
    wait_until(lambda: any(event["type"] == "queueOverflow" for event in recorder.taken))
    dropped = sum(event["parameters"]["dropped"] for event in recorder.taken if event["type"] == "queueOverflow")
    assert len(numbers(recorder.taken)) in (11, 12)
    assert len(numbers(recorder.taken)) + dropped == 20


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_refused_batch_is_not_sent_again(visitor: Visitor, recorder: Recorder, status: int) -> None:
    recorder.plan = [Answer(status)]
    visitor.open()
    visitor.wait_for_answer()
    visitor.wait(400_000)
    visitor.fire("next")
    visitor.wait_for("next")
    assert [[event["type"] for event in batch.events] for batch in recorder.batches] == [["pageView"], ["next"]]


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_collector_that_wants_nothing_is_left_alone_for_this_page(visitor: Visitor, recorder: Recorder, status: int) -> None:
    recorder.plan = [Answer(status)]
    visitor.open()
    visitor.wait_for_answer()
    visitor.fire("next")
    visitor.wait(400_000)
    set_hidden(visitor.page, True)
    visitor.settle()
    assert len(recorder.batches) == 1
    visitor.open("/b")
    assert visitor.wait_for("pageView", 2)[1]["url"].endswith("/b")


def test_a_batch_too_large_is_split(visitor: Visitor, recorder: Recorder) -> None:
    recorder.plan = [Answer(413), Answer(413)]
    visitor.open().evaluate(TICKS, [39, ""])
    visitor.wait()
    wait_until(lambda: len(recorder.taken) >= 40)
    assert [len(batch.events) for batch in recorder.batches] == [40, 20, 10, 30]
    assert numbers(recorder.taken) == list(range(39))


def test_a_single_event_too_large_is_dropped_and_counted(visitor: Visitor, recorder: Recorder) -> None:
    recorder.plan = [Answer(413)]
    visitor.open()
    assert visitor.wait_for("queueOverflow")[0]["parameters"] == {"dropped": 1}
    visitor.fire("next")
    visitor.wait_for("next")
    assert len(recorder.of_type("pageView")) == 1


@pytest.mark.parametrize("answer", [Answer(408), Answer(429), Answer(500), Answer(503), Answer(is_lost=True)], ids=str)
def test_events_that_may_be_lost_are_sent_again_with_the_same_ids(visitor: Visitor, recorder: Recorder, answer: Answer) -> None:
    recorder.plan = [answer]
    visitor.open()
    visitor.wait_for("pageView")
    visitor.settle()
    visitor.wait(1000)  # the first retry comes within a second
    wait_until(lambda: len(recorder.batches) == 2)
    assert recorder.batches[0].events == recorder.batches[1].events
    visitor.wait(400_000)
    visitor.settle()
    assert len(recorder.batches) == 2


def test_offline_events_are_sent_when_the_network_is_back(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open()
    visitor.wait_for("pageView")
    visitor.context.set_offline(True)
    visitor.fire("next")
    visitor.wait(30_000)
    visitor.context.set_offline(False)
    wait_until(lambda: recorder.of_type("next"))


def test_retries_back_off_to_five_minutes(visitor: Visitor, recorder: Recorder) -> None:
    visitor.have_longest_jitter()
    recorder.answer = Answer(500)
    visitor.open()
    ladder = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    for count, seconds in enumerate([1, *ladder], 1):
        visitor.advance_to_batch(count, seconds * 250)
    sent = [batch.envelope["sent_at"] for batch in recorder.batches]
    waits = [(after - before) / 1000 for before, after in pairwise(sent)]
    assert all(seconds <= wait < seconds * 1.6 + 5 for wait, seconds in zip(waits, ladder, strict=True)), waits


def in_twenty_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=21), usegmt=True)  # the page is a second ahead


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_a_floor_for_everything(visitor: Visitor, recorder: Recorder, form: str) -> None:
    recorder.plan = [Answer(503, {"Retry-After": "20" if form == "seconds" else in_twenty_seconds()})]
    visitor.open()
    visitor.wait_for_answer()
    visitor.fire("next")
    visitor.wait(14_000)
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    set_hidden(visitor.page, True)
    set_hidden(visitor.page, False)
    visitor.settle()
    assert len(recorder.batches) == 1
    visitor.wait_for_answer(8000)
    assert {event["type"] for event in recorder.batches[1].events} >= {"pageView", "next"}


def test_a_retry_after_in_the_past_does_not_cancel_the_backoff(visitor: Visitor, recorder: Recorder) -> None:
    visitor.have_longest_jitter()
    past = Answer(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    recorder.plan = [past] * 6
    visitor.open()
    visitor.advance_to_batch(6, 2000)
    visitor.wait(24_000)
    visitor.settle()
    assert len(recorder.batches) == 6
    visitor.wait_for_answer(8000)


def test_a_retry_after_of_years_is_not_a_loop(visitor: Visitor, recorder: Recorder) -> None:
    recorder.answer = Answer(503, {"Retry-After": "99999999"})
    visitor.open()
    visitor.wait_for_answer()
    visitor.wait(60_000)
    visitor.settle()
    assert len(recorder.batches) == 1


@pytest.mark.parametrize("trigger", ["online", "visible", "event"])
def test_the_queue_is_sent_at_once_when_the_network_may_be_back(visitor: Visitor, recorder: Recorder, trigger: str) -> None:
    visitor.have_longest_jitter()
    without_engagement(visitor)
    recorder.plan = [Answer(503)] * 6
    visitor.open()
    visitor.advance_to_batch(6, 2000)
    if trigger == "online":
        visitor.page.evaluate("dispatchEvent(new Event('online'))")
    elif trigger == "visible":
        set_hidden(visitor.page, False)
    else:
        visitor.fire("next")
        visitor.wait(1000)
    wait_until(lambda: len(recorder.batches) == 7)
    assert recorder.taken[0]["type"] == "pageView"


def test_an_outage_does_not_pile_up_timers(visitor: Visitor, recorder: Recorder) -> None:
    visitor.have_longest_jitter()
    recorder.answer = Answer(503)
    visitor.open()
    visitor.wait_for_answer()
    for n in range(8):
        visitor.fire(f"event{n}")
        visitor.wait_for_answer()
    before = len(recorder.batches)
    visitor.wait(200_000)  # the wait is 256 s now
    visitor.settle()
    assert len(recorder.batches) == before


def test_the_flush_at_leaving_is_capped_in_total(visitor: Visitor, recorder: Recorder) -> None:
    gate = threading.Event()
    recorder.plan = [Answer(waits_for=gate)] * 2
    page = visitor.open()
    page.evaluate(TICKS, [5, "x" * 4000])
    visitor.wait_for("tick", 5)
    page.evaluate(TICKS, [20, "x" * 4000])
    set_hidden(page, True)
    wait_until(lambda: len(recorder.batches) == 2)
    set_hidden(page, True)
    visitor.settle()
    assert len(recorder.batches) == 2
    assert BATCH_BYTES - 6000 < sum(len(batch.body) for batch in recorder.batches) <= BATCH_BYTES
    gate.set()
    wait_until(lambda: len(numbers(recorder.taken)) >= 25)
    assert numbers(recorder.taken) == [*range(5), *range(20)]


def test_leaving_sends_what_is_not_a_second_old(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open().evaluate(TICKS, [10, ""])
    visitor.page.goto("about:blank")
    wait_until(lambda: len(recorder.events) >= 11)
    assert numbers(recorder.events) == list(range(10))


def test_a_refused_fetch_at_leaving_becomes_a_beacon_and_its_events_stay(visitor: Visitor, recorder: Recorder) -> None:
    page = visitor.open()
    visitor.consent("granted")
    page.evaluate("void (window.fetch = () => Promise.reject(new TypeError('too many bytes under way')))")
    visitor.fire("last")
    set_hidden(page, True)
    wait_until(lambda: recorder.of_type("last"))
    beaconed = recorder.batches[0]
    assert beaconed.headers["sec-fetch-mode"] == "no-cors"
    assert beaconed.headers["content-type"].startswith("text/plain")
    visitor.open("/b")
    visitor.wait_for("last", 2)
    assert len({event["id"] for event in recorder.of_type("last")}) == 1
    assert recorder.methods == ["POST"] * len(recorder.batches)
