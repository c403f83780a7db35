"""Fixtures of the topics' unit tests."""

from collections.abc import Iterator

import pytest
from support.topics.registry import SchemaRegistry, a_registry


@pytest.fixture
def server() -> Iterator[SchemaRegistry]:
    with a_registry() as server:
        yield server
