"""Real hosts for the tests: two in the short form, three in the whole one."""

from collections.abc import Iterator

import pytest
from support.hosts.prerequisites import MissingPrerequisiteError, check_machine
from support.hosts.testbed import Testbed, running_testbed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="two hosts, and only the tests that fit into ten minutes")
    parser.addoption("--suite", default="bookworm", help="the Debian of the hosts: bookworm or trixie")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole: needs three hosts or much time; not in the short form")


def pytest_sessionstart(session: pytest.Session) -> None:
    """End the run with one line if this machine cannot run it."""
    try:
        check_machine()
    except MissingPrerequisiteError as error:
        pytest.exit(str(error), returncode=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of the whole form in the short one."""
    if config.getoption("short"):
        deselected = [item for item in items if item.get_closest_marker("whole")]
        items[:] = [item for item in items if not item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=deselected)


@pytest.fixture(scope="session")
def testbed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """Hosts without anything on them, and a registry with all images of the stack."""
    short = request.config.getoption("short")
    with running_testbed(count=2 if short else 3, suite=request.config.getoption("suite")) as running:
        running.images.build(targets=("collector", "forwarder", "streams", "headrace"), services=("nginx", "kafka"))
        running.start(groups=running.groups())
        yield running
