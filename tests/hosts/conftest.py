"""Real hosts for the tests: two in the short form, three in the whole one."""

import time
from collections.abc import Iterator

import pytest
from support.hosts.prerequisites import check_machine
from support.hosts.testbed import Testbed, running_testbed

# The first tests use the hosts as `site.yml` left them; the last ones cut the power.
ORDER = (
    *("test_site", "test_edge", "test_labels", "test_output", "test_updates", "test_brokers", "test_rotation", "test_certificate"),
    *("test_registry", "test_firewall", "test_engine", "test_power", "test_recovery", "test_dashboards", "test_destroy"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="two hosts, and only the tests that fit into ten minutes")
    parser.addoption("--suite", default="", help="the Debian of the hosts: bookworm or trixie")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole: needs three hosts or much time; not in the short form")


def pytest_sessionstart(session: pytest.Session) -> None:
    """End the run with one line if this machine cannot run it."""
    check_machine()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, and deselect those of the whole form in the short one."""
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))
    if config.getoption("short"):
        deselected = [item for item in items if item.get_closest_marker("whole")]
        items[:] = [item for item in items if not item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=deselected)


@pytest.fixture(scope="session")
def testbed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """Hosts without anything on them, and a registry with all images of the stack."""
    count, suite = (2, "bookworm") if request.config.getoption("short") else (3, "trixie")
    with running_testbed(count=count, suite=request.config.getoption("suite") or suite) as running:
        running.images.build(targets=("collector", "forwarder", "streams", "headrace"), services=("nginx", "kafka"))
        running.start(groups=running.groups())
        yield running


@pytest.fixture(scope="session")
def deployed(testbed: Testbed, findings: list[str]) -> Testbed:
    """Hosts on which `site.yml` succeeded."""
    began = time.monotonic()
    testbed.ansible.succeed("site.yml")
    findings.append(f"site.yml on {len(testbed.hosts)} bare hosts: {time.monotonic() - began:.0f} s")
    return testbed
