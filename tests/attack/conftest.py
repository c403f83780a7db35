"""Fixtures of the attack tests."""

from collections.abc import Iterator

import pytest
from support.headrace.service_ports import Port, ports_running


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Port]]:
    with ports_running(tmp_path_factory.mktemp("ports")) as running:
        yield running
