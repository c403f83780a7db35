"""Limits the memory of queries, in the store and in the process."""

import math
import threading
import time

import duckdb
import psutil

from minidruid.storage.readers import Readers

CHECK_INTERVAL_SECONDS = 0.005  # a query can take 4 GB a second
CHECKS_BETWEEN_DATABASE_CHECKS = 5  # which take longer
MINIMUM_WINDOW_SECONDS = 60.0
PROCESS_OVERHEAD_BYTES = 75_000_000  # beyond twice the limit of DuckDB; a query is interrupted a moment after it is exceeded
IN_USE = """SELECT coalesce(sum(memory_usage_bytes) FILTER (WHERE tag = 'ALLOCATOR'), 0), coalesce(sum(temporary_storage_bytes), 0)
FROM duckdb_memory()"""


class RecentMinimum:
    """The minimum of the measurements in a window of time; a measurement counts for one to two windows."""

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._window_end = self._minimum = self._previous_minimum = -math.inf

    def update(self, value: float, now: float) -> float:
        """Add a measurement and return the minimum."""
        if now >= self._window_end:
            self._previous_minimum = self._minimum if now < self._window_end + self._window_seconds else value
            self._minimum, self._window_end = value, now + self._window_seconds
        self._minimum = min(self._minimum, value)
        return min(self._minimum, self._previous_minimum)


class MemoryGuard:
    """Interrupts queries before the writer or the machine runs out of memory.

    At its limit, DuckDB spills sorts, joins and groups to disk. But it cannot spill lists and joined texts, the disk space is limited, and
    DuckDB does not count the texts of the rows that it evaluates. The guard watches these three.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, readers: Readers, memory_bytes: int, spill_bytes: int) -> None:
        self._cursor = database.cursor()
        self._readers = readers
        self._memory_bytes, self._spill_bytes = memory_bytes, spill_bytes
        self._process = psutil.Process()
        # Before any query: the size of the process at its start does not count as memory of queries.
        self._max_process_bytes = max(2 * memory_bytes + PROCESS_OVERHEAD_BYTES, self._process_bytes() + memory_bytes)
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._readers.wake()
        self._thread.join()
        self._cursor.close()

    def _watch(self) -> None:
        # Most of the recent minimum is not memory of queries either. But what one query leaves behind must not add to the limit of the next
        # one, so the minimum allows only half of the memory limit more.
        minimum = RecentMinimum(MINIMUM_WINDOW_SECONDS)
        while not self._is_closed:
            self._readers.wait_until_busy(lambda: self._is_closed)
            checks = 0
            while self._readers.are_busy and not self._is_closed:
                size = self._process_bytes()
                if size > max(self._max_process_bytes, minimum.update(size, time.monotonic()) + self._memory_bytes // 2) or (
                    checks % CHECKS_BETWEEN_DATABASE_CHECKS == 0 and self._is_database_short()
                ):
                    self._readers.interrupt()
                checks += 1
                time.sleep(CHECK_INTERVAL_SECONDS)  # DuckDB has no event for it

    def _process_bytes(self) -> int:
        return int(self._process.memory_info().rss)

    def _is_database_short(self) -> bool:
        try:
            ((held, spilled),) = self._cursor.execute(IN_USE).fetchall()
        except duckdb.Error:
            return True  # there is not even memory for this query
        return bool(held > self._memory_bytes // 2 or spilled > self._spill_bytes // 4 * 3)
