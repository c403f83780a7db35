"""An engine over the table of events, for tests that ask in SQL."""

from collections.abc import Iterator

import pytest
from support.minidruid.tables import engine_over, open_store, write_events

from minidruid.engine import Engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of a file."""
    path = tmp_path_factory.mktemp("sql") / "events.duckdb"
    write_events(path)
    store = open_store(path)
    yield engine_over(store)
    store.close()
