"""The share of events that arrive when every fifth request fails and pages are left at random; `pytest -s` prints the figures."""

import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page
from support.browser.recorder import Answer, Recorder
from support.collector.collecting import collected
from support.collector.divolte import a_source
from support.streams.in_memory import Converting
from support.waiting import wait_until

from collector.endpoints.divolte_tag import script
from collector.endpoints.script import script_of

VISITORS, STEPS, EVENTS_A_STEP, STEP_MS = 6, 24, 7, 60
LEAVES, CLOSES = 0.5, 0.1  # of the visitors go to another page, or close theirs and open one, at each step
FAILS = (Answer(503), Answer(is_lost=True))  # refused, or taken while the answer is lost
SEED = 5


class Case(NamedTuple):
    """A way to report events, and how many of them must arrive."""

    ready: str
    call: str
    least: float


CASES = {
    "with consent": Case("window.headrace?.consent && (headrace.consent('granted'), true)", "headrace('tick', {n})", 0.999),
    "without consent": Case("window.headrace?.consent", "headrace('tick', {n})", 0.5),
    "divolte.js": Case("window.divolte", "divolte.signal('tick', {n})", 0.999),
}


class Crowd:
    """Visitors who go from page to page and leave at random."""

    def __init__(self, chromium: Browser, recorder: Recorder, case: Case, chance: random.Random) -> None:
        self.recorder, self.case, self.chance = recorder, case, chance
        self.shown, self.reported = count(1), count()
        self.pages = [self.show(chromium.new_context().new_page()) for _ in range(VISITORS)]

    def show(self, page: Page) -> Page:
        script = "divolte" if "divolte" in self.case.ready else "headrace"
        tag = f'<script src="{self.recorder.collector}/{script}.js" data-site="shop"></script>'
        page.goto(self.recorder.page(f"/{next(self.shown)}", tag=tag), wait_until="commit")
        page.wait_for_function(f"!!({self.case.ready})")
        return page

    def step(self) -> None:
        for place, page in enumerate(self.pages):
            luck = self.chance.random()
            if luck < CLOSES:
                self.pages[place] = self.show(page.context.new_page())
                page.close()
            elif luck < LEAVES:
                self.show(page)
            numbers = [next(self.reported) for _ in range(EVENTS_A_STEP)]
            self.pages[place].evaluate(f"numbers => {{ for (const n of numbers) {self.case.call} }}", numbers)
        self.pages[0].evaluate("ms => new Promise(done => setTimeout(done, ms))", STEP_MS)

    def have_network_again(self) -> None:
        """Make every page send its queued events now."""
        for page in self.pages:
            page.evaluate("dispatchEvent(new Event('online'))")

    def close(self) -> None:
        for page in self.pages:
            page.context.close()


def read(recorder: Recorder) -> set[int]:
    """The events in the requests that a collector would have accepted, whether the page got the response or not."""
    batches = [batch for batch in list(recorder.batches) if batch.status != 503]
    return {event["parameters"]["n"] for batch in batches for event in batch.events if event["type"] == "tick"}


def wait_for_all(has_all: Callable[[], bool], crowd: Crowd, within_seconds: float) -> None:
    """Events that are still queued in the browser arrive in a moment; lost ones do not."""

    def has_come() -> bool:
        crowd.have_network_again()
        return has_all()

    with suppress(AssertionError):
        wait_until(has_come, within_seconds=within_seconds, every_seconds=0.2)


@pytest.mark.parametrize("name", CASES)
def test_of_a_thousand_events_one_at_most_is_lost_and_none_is_stored_twice(
    chromium: Browser, recorder: Recorder, tmp_path: Path, name: str
) -> None:
    case, chance = CASES[name], random.Random(SEED)
    source = a_source(script_path="/divolte.js")
    recorder.scripts["/divolte.js"] = script_of(source, script(source))
    recorder.plan = [chance.choice(FAILS) if chance.random() < 0.2 else Answer() for _ in range(20_000)]
    crowd = Crowd(chromium, recorder, case, chance)
    for _ in range(STEPS):
        crowd.step()
    reported, shown = next(crowd.reported), next(crowd.shown) - 1
    wait_for_all(lambda: len(read(recorder)) == reported, crowd, 15 if case.least > 0.99 else 3)
    crowd.close()

    arrived = len(read(recorder))
    collector, _ = collected(batch for batch in recorder.batches if batch.status != 503)
    stored = [row for row in Converting(tmp_path).take(*collector.topic.messages) if row["event_type"] == "tick"]
    failed = sum(batch.status != 200 for batch in recorder.batches) / len(recorder.batches)
    print(
        f"\n{name}: {arrived} of {reported} events of {shown} pages arrived, {arrived / reported:.2%}, {failed:.0%} of the requests failed"
    )
    assert len(stored) == arrived
    assert arrived >= case.least * reported
