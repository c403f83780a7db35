"""The memory limit of queries."""

from collections.abc import Iterator

import duckdb
import psutil
import pytest

from minidruid.storage.memory import PROCESS_OVERHEAD_BYTES, MemoryGuard, RecentMinimum
from minidruid.storage.readers import Readers

MEMORY_BYTES = 60_000_000
MAX_QUERY_BYTES = MEMORY_BYTES * 3 // 4
SECONDS_OF_WORK = "SELECT count(*) FROM range(3_000_000) a, range(700) b WHERE a.range <> b.range"


@pytest.fixture
def readers() -> Iterator[Readers]:
    # As large as a process that may take more than twice the limit.
    filling = b"x" * max(0, MEMORY_BYTES + PROCESS_OVERHEAD_BYTES - psutil.Process().memory_info().rss)
    with duckdb.connect() as database:
        readers = Readers(database.cursor)
        guard = MemoryGuard(database, readers, MEMORY_BYTES, 1_000_000_000)
        yield readers
        guard.close()
    del filling


def test_memory_left_by_one_query_is_not_added_to_the_limit_of_the_next(readers: Readers) -> None:
    with readers.reading() as cursor:
        left = b"x" * MAX_QUERY_BYTES
        cursor.execute("SELECT count(*) FROM range(100_000_000)").fetchall()
    with readers.reading() as cursor:
        more = b"x" * MAX_QUERY_BYTES
        with pytest.raises(duckdb.InterruptException):
            cursor.execute(SECONDS_OF_WORK).fetchall()
    assert len(left) == len(more)


def test_the_lowest_is_that_of_the_last_time() -> None:
    minimum = RecentMinimum(60)
    assert [minimum.update(value, now) for value, now in ((5, 0), (9, 59), (9, 61), (7, 100), (8, 121), (9, 181))] == [5, 5, 5, 5, 7, 8]


def test_the_lowest_forgets_what_was_long_ago() -> None:
    minimum = RecentMinimum(60)
    assert [minimum.update(5, 0), minimum.update(9, 1000)] == [5, 9]
