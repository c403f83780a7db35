"""Debian's Chromium, driven by Playwright, and the actions of a test on a page with the tracker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from support.browser.recorder import Recorder
from support.waiting import wait_until

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Scripts that make a browser object to tracking.
SIGNALS = {
    "gpc": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
    "dnt": "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
}


@contextmanager
def chromium_running(*arguments: str) -> Iterator[Browser]:
    """Run a browser until the end of the block; the back/forward cache is on, as it is for people."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments], ignore_default_args=["--disable-back-forward-cache"]
        )
        try:
            yield browser
        finally:
            browser.close()


def set_hidden(page: Page, is_hidden: bool) -> None:
    """Switch to another tab and back, as the page sees it."""
    page.evaluate(
        """isHidden => {
            Object.defineProperty(document, 'hidden', {get: () => isHidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
        }""",
        is_hidden,
    )


def full_tag(recorder: Recorder, attributes: str = "") -> str:
    """The tag of the full build."""
    return f'<script src="{recorder.collector}/headrace-full.js" data-site="shop" {attributes}></script>'


class Visitor:
    """A browser profile on the recorded site, with a clock that runs and can be advanced."""

    def __init__(self, context: BrowserContext, recorder: Recorder) -> None:
        """Start with a controlled clock, which applies to Date, timers and performance.now of every page."""
        context.clock.install()
        # The page's clock jumps, the network does not: a request would run out of time while it is answered.
        context.add_init_script(
            "const limit = AbortSignal.timeout; AbortSignal.timeout = ms => window.isImpatient ? limit.call(AbortSignal, ms) : undefined"
        )
        self.context = context
        self.recorder = recorder
        self.page = context.new_page()

    def open(self, path: str = "/", page: Page | None = None, **parts: Any) -> Page:
        """Open a page with the tracker and wait until it runs."""
        page = page or self.page
        page.goto(self.recorder.page(path, **parts))
        self.wait_for_tracker(page)
        return page

    def have_longest_jitter(self) -> None:
        """Make pages that are opened from now on wait the maximum time before a retry."""
        self.page.add_init_script("Math.random = () => 1")

    def wait_for_tracker(self, page: Page | None = None) -> None:
        wait_until(lambda: (page or self.page).evaluate("!!window.headrace?.consent && !headrace.q"))

    def fire(self, event_type: str, parameters: Any = None, page: Page | None = None) -> None:
        """Fire a custom event."""
        (page or self.page).evaluate("([type, parameters]) => headrace(type, parameters ?? undefined)", [event_type, parameters])

    def consent(self, answer: str, page: Page | None = None) -> None:
        (page or self.page).evaluate("answer => headrace.consent(answer)", answer)

    def wait(self, milliseconds: int = 1000, page: Page | None = None) -> None:
        """Advance the time in the page."""
        (page or self.page).clock.run_for(milliseconds)

    def wait_for(self, event_type: str, count: int = 1, page: Page | None = None) -> list[dict[str, Any]]:
        """Advance a second, and return the events of this type once there are `count`."""
        self.wait(1000, page)
        wait_until(lambda: len(self.recorder.of_type(event_type)) >= count)
        return self.recorder.of_type(event_type)

    def stored(self, page: Page | None = None) -> dict[str, str]:
        """The content of localStorage."""
        stored = (page or self.page).evaluate("({...localStorage})")
        assert isinstance(stored, dict)
        return stored

    def wait_for_answer(self, milliseconds: int = 1000) -> None:
        """Advance the time until a batch is sent and the page has its response."""
        with self.page.expect_event("requestfinished", lambda request: request.url.endswith("/h")):
            self.wait(milliseconds)
        self.settle()

    def advance_to_batch(self, count: int, step_milliseconds: int = 500) -> None:
        """Advance the time in steps until this many batches have arrived and the last one has its response."""

        def has_come() -> bool:
            self.wait(step_milliseconds)
            self.settle()
            return len(self.recorder.batches) >= count

        wait_until(has_come, within_seconds=30)

    def settle(self) -> None:
        """Wait for a request of the page itself, so that its pending requests are sent and its responses processed."""
        self.page.evaluate("fetch(location.origin + '/settle').then(answer => answer.text())")
