"""The installation that the tests of a file share."""

from collections.abc import Iterator

import pytest
from support.headrace.installation import Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(tmp_path_factory.mktemp("state"), "--no-dashboards", "--no-visits")
    yield running
    assert running.stop() == 0
