"""Web vitals of a page whose delays, shifts and slow clicks are known."""

from typing import Any

import pytest
from playwright.sync_api import Page
from support.browser.chromium import full_tag, set_hidden
from support.browser.recorder import Recorder
from support.waiting import wait_until

STYLE = "<style>body { margin: 0 } #box { height: 360px; width: 1280px }</style>"
BODY = f"{STYLE}<div id=top></div><div id=box>text</div><button id=slow>slow</button><button id=quick>quick</button>"
BUSY_MS = 200
# A box of half the height of the window moves by 180 of 1280 pixels: three quarters of the window are concerned.
SHIFT = 0.75 * 180 / 1280


def pause(page: Page, milliseconds: int) -> None:
    """Wait within the page until it has painted."""
    page.evaluate("ms => new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), ms))", milliseconds)


def open_page(page: Page, recorder: Recorder, path: str = "/a", body: str = BODY, **parts: Any) -> None:
    page.goto(recorder.page(path, tag=full_tag(recorder), body=body, **parts))
    pause(page, 100)


def vitals(page: Page, recorder: Recorder, count: int = 1) -> dict[str, Any]:
    """Leave the page and return its last events."""
    page.goto("about:blank")
    wait_until(lambda: len(recorder.of_type("webVitals")) >= count)
    assert len(recorder.of_type("webVitals")) == count
    parameters = recorder.of_type("webVitals")[-1]["parameters"]
    assert isinstance(parameters, dict)
    return parameters


def test_a_slow_answer_is_the_time_to_first_byte(page: Page, recorder: Recorder) -> None:
    recorder.delays["/a"] = 0.4
    open_page(page, recorder)
    vital = vitals(page, recorder)
    assert 400 <= vital["ttfb"] < 2000
    assert vital["ttfb"] <= vital["fcp"] <= vital["lcp"]
    assert vital["cls"] == 0
    assert "inp" not in vital


def test_the_largest_paint_is_the_last_that_was_larger(page: Page, recorder: Recorder) -> None:
    late = "<h1></h1><script>setTimeout(() => { document.querySelector('h1').textContent = 'something large' }, 500)</script>"
    open_page(page, recorder, body=BODY + late)
    pause(page, 600)
    vital = vitals(page, recorder)
    assert vital["fcp"] < 500 <= vital["lcp"]


@pytest.mark.parametrize(("gap_ms", "expected"), [(50, 2 * SHIFT), (1100, SHIFT)], ids=["one-window", "two-windows"])
def test_shifts_add_up_until_a_second_is_quiet(page: Page, recorder: Recorder, gap_ms: int, expected: float) -> None:
    open_page(page, recorder)
    page.evaluate("top.document.getElementById('top').style.height = '180px'")
    pause(page, gap_ms)
    page.evaluate("document.getElementById('top').style.height = '0'")
    pause(page, 50)
    assert vitals(page, recorder)["cls"] == pytest.approx(expected, rel=0.1)


def test_a_shift_after_a_click_is_the_visitors_own(page: Page, recorder: Recorder) -> None:
    open_page(page, recorder)
    page.evaluate("quick.onclick = () => { document.getElementById('top').style.height = '180px' }; void 0")
    page.click("#quick")
    pause(page, 50)
    assert vitals(page, recorder)["cls"] == 0


SLOW = f"""
    const busy = ms => () => {{ const end = performance.now() + ms; while (performance.now() < end); }};
    slow.onclick = busy({BUSY_MS});
    void 0;
"""


def test_a_slow_click_is_the_interaction_to_next_paint(page: Page, recorder: Recorder) -> None:
    open_page(page, recorder)
    page.evaluate(SLOW)
    page.click("#quick")
    page.click("#slow")
    pause(page, 100)
    assert BUSY_MS <= vitals(page, recorder)["inp"] < 4 * BUSY_MS


def test_of_more_than_fifty_interactions_the_slowest_is_an_outlier(page: Page, recorder: Recorder) -> None:
    open_page(page, recorder)
    page.evaluate(SLOW + "quick.onclick = busy(80); void 0")
    page.click("#slow")
    pause(page, 100)
    page.click("#quick")
    for _ in range(55):
        page.keyboard.press("a")
    pause(page, 300)
    assert 80 <= vitals(page, recorder)["inp"] < BUSY_MS


def test_they_are_sent_once_when_first_hidden_and_not_at_a_change_of_route(page: Page, recorder: Recorder) -> None:
    open_page(page, recorder)
    page.evaluate("history.pushState({}, '', '/b')")
    wait_until(lambda: len(recorder.of_type("pageView")) == 2)
    assert recorder.of_type("webVitals") == []
    for is_hidden in (True, False, True):
        set_hidden(page, is_hidden)
    vitals(page, recorder)
    event = recorder.of_type("webVitals")[0]
    view = recorder.of_type("pageView")[0]
    assert (event["url"], event["page_view_id"]) == (view["url"], view["page_view_id"])


def test_a_page_opened_in_the_background_was_painted_for_nobody(page: Page, recorder: Recorder) -> None:
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    open_page(page, recorder)
    vital = vitals(page, recorder)
    assert vital.keys() == {"ttfb", "cls"}


def test_a_page_from_the_back_forward_cache_is_measured_again(page: Page, recorder: Recorder) -> None:
    open_page(page, recorder)
    page.evaluate(SLOW)
    page.click("#slow")
    pause(page, 100)
    page.evaluate("window.kept = true")
    assert vitals(page, recorder)["inp"] >= BUSY_MS
    page.go_back(wait_until="commit")
    assert page.evaluate("window.kept"), "the page came from the cache"
    pause(page, 100)
    vital = vitals(page, recorder, 2)
    assert (vital["ttfb"], vital["cls"]) == (0, 0)
    assert 0 < vital["fcp"] == vital["lcp"] < 2000
    assert "inp" not in vital
    views = recorder.of_type("pageView")
    assert len({view["page_view_id"] for view in views}) == 2
    assert recorder.of_type("webVitals")[1]["page_view_id"] == views[1]["page_view_id"]
