"""Options and fixtures of all tests."""

import atexit
import gc
import os

import pytest
from hypothesis import settings

FINDINGS = pytest.StashKey[list[str]]()

# A machine with an almost full disk must fail no test.
os.environ.setdefault("HEADRACE_COLLECTOR_DISK_RESERVE_BYTES", "0")

# No test is timed: a busy machine must fail none.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")

# Hypothesis leaves a callback there, which keeps all modules alive at the end: DuckDB's binding would report its types as leaked.
atexit.register(gc.callbacks.clear)


@pytest.fixture(scope="session")
def findings(request: pytest.FixtureRequest) -> list[str]:
    """Lines to be shown at the end of the run."""
    return request.config.stash.setdefault(FINDINGS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured."""
    for line in terminalreporter.config.stash.get(FINDINGS, []):
        terminalreporter.write_line(line)
