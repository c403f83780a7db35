"""A browser on pages that carry `/divolte.js`."""

from typing import Any

from playwright.sync_api import BrowserContext, Page
from support.browser.recorder import Recorder
from support.collector.divolte import a_source
from support.waiting import wait_until

from collector.endpoints.divolte_tag import script
from collector.endpoints.script import script_of


class Tagged:
    """A browser profile on pages with the tag."""

    def __init__(self, context: BrowserContext, recorder: Recorder) -> None:
        self.context, self.recorder = context, recorder
        self.page = context.new_page()
        self.bake()

    def bake(self, script_path: str = "/divolte.js", **keys: Any) -> None:
        """Serve the tag of a source with these names."""
        source = a_source(script_path=script_path, **keys)
        self.recorder.scripts[script_path] = script_of(source, script(source))

    def tag(self, script: str = "/divolte.js", attributes: str = "") -> str:
        return f'<script src="{self.recorder.collector}{script}" {attributes}></script>'

    def open(self, path: str = "/a", page: Page | None = None, tag: str | None = None, **parts: Any) -> Page:
        page = page or self.page
        page.goto(self.recorder.page(path, tag=self.tag() if tag is None else tag, **parts))
        return page

    def signal(self, *values: Any, page: Page | None = None) -> Any:
        """Signal an event and wait until it has arrived; return the result in the page."""
        return (page or self.page).evaluate(
            "values => { const id = divolte.signal(...values); return new Promise(done => divolte.whenCommitted(() => done(id), 9000)) }",
            list(values),
        )

    def events(self, count: int) -> list[dict[str, Any]]:
        """Return the events once there are `count`; a page that is left before its response passes copies to the next one."""
        wait_until(lambda: len({event["id"] for event in self.recorder.events}) >= count)
        events = list({event["id"]: event for event in self.recorder.events}.values())
        assert len(events) == count
        return events

    def cookies(self) -> dict[str, Any]:
        return {cookie["name"]: cookie for cookie in self.context.cookies()}

    def pause(self, milliseconds: int) -> None:
        """Wait within the page."""
        self.page.evaluate("ms => new Promise(done => setTimeout(done, ms))", milliseconds)
