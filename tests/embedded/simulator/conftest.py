"""The collector that a test sends to."""

from collections.abc import Iterator

import pytest
from support.simulator import StandIn, stand_in_running


@pytest.fixture
def collector() -> Iterator[StandIn]:
    with stand_in_running() as stand_in:
        yield stand_in
