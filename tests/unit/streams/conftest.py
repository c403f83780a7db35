"""Fixtures of the converter's unit tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from support.streams.in_memory import Converting


@pytest.fixture
def converting(tmp_path: Path) -> Converting:
    return Converting(tmp_path)


@pytest.fixture
def only_warnings() -> Iterator[None]:
    """A line for each of 50,000 batches would take longer than the batches."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    yield
    structlog.reset_defaults()
