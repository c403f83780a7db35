"""How many events arrive when every fifth request fails and pages are left at random; `pytest -s` prints the figures."""

import random
from collections import defaultdict
from contextlib import suppress
from itertools import count

import pytest
from playwright.sync_api import Browser, Page
from support.recorder import Answer, Recorder
from support.waiting import wait_until

VISITORS, EVENTS_A_STEP, STEP_MS = 6, 2, 200
LEAVES = 0.3  # of the visitors leave their page at each step
SEED = 5


def failing_answers(chance: random.Random) -> list[Answer]:
    """One in five is refused for now, or read and never answered."""
    fails = [Answer(503), Answer(is_lost=True)]
    return [chance.choice(fails) if chance.random() < 0.2 else Answer() for _ in range(20_000)]


def show(page: Page, address: str) -> None:
    page.goto(address, wait_until="commit")
    page.wait_for_function("!!window.headrace?.consent")


def browse(pages: list[Page], recorder: Recorder, chance: random.Random, steps: int) -> int:
    """Let visitors go from page to page; gives how many events the pages reported."""
    numbers, views = count(), count()
    for _ in range(steps):
        for page in pages:
            if chance.random() < LEAVES:
                show(page, recorder.page(f"/{next(views)}"))
            for _ in range(EVENTS_A_STEP):
                page.evaluate("n => headrace('tick', {n})", next(numbers))
        pages[0].evaluate("ms => new Promise(done => setTimeout(done, ms))", STEP_MS)
    return next(numbers)


def arrived(recorder: Recorder) -> dict[int, set[str]]:
    """The ids under which each event was taken: copies of one have the same."""
    ids: dict[int, set[str]] = defaultdict(set)
    for event in recorder.taken:
        if event["type"] == "tick":
            ids[event["parameters"]["n"]].add(event["id"])
    return ids


@pytest.mark.parametrize(("answer", "steps", "least"), [("granted", 90, 0.999), ("", 40, 0.5)])
def test_with_consent_all_but_one_in_a_thousand_arrive_and_none_twice(
    chromium: Browser, recorder: Recorder, answer: str, steps: int, least: float
) -> None:
    chance = random.Random(SEED)
    recorder.plan = failing_answers(chance)
    pages = [chromium.new_context().new_page() for _ in range(VISITORS)]
    for page in pages:
        show(page, recorder.page("/start"))
        page.evaluate("answer => { if (answer) headrace.consent(answer) }", answer)
    reported = browse(pages, recorder, chance, steps)
    with suppress(AssertionError):  # what is left waits in the browser with consent, and is gone without
        wait_until(lambda: len(arrived(recorder)) == reported, within_seconds=40 if answer else 3)
    ids = arrived(recorder)
    print(f"\nconsent {answer or 'not asked'}: {len(ids)} of {reported} events arrived, {len(ids) / reported:.2%}")
    for page in pages:
        page.context.close()
    assert len(ids) >= least * reported
    assert {len(of_one) for of_one in ids.values()} == {1}
