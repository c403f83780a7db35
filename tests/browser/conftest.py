"""One browser for all tests; a profile, a site and a collector for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from support.browser.chromium import Visitor, chromium_running
from support.browser.recorder import Recorder, recorder_running
from support.browser.tagged import Tagged


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recorder_running() as recorder:
        yield recorder


@pytest.fixture
def visitor(chromium: Browser, recorder: Recorder) -> Iterator[Visitor]:
    context = chromium.new_context()
    yield Visitor(context, recorder)
    context.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with the machine's clock, because the browser's own measurements cannot be advanced."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def tagged(chromium: Browser, recorder: Recorder) -> Iterator[Tagged]:
    context = chromium.new_context()
    yield Tagged(context, recorder)
    context.close()
