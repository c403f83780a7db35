"""The memory that queries may take, of the store and of the process."""

import math
import threading
import time

import duckdb
import psutil

from minidruid.storage.readers import Readers

LOOK_SECONDS = 0.025
LOWEST_SECONDS = 60.0
ROOM_BYTES = 100_000_000  # of the process beside twice DuckDB's limit
IN_USE = """SELECT coalesce(sum(memory_usage_bytes) FILTER (WHERE tag = 'ALLOCATOR'), 0), coalesce(sum(temporary_storage_bytes), 0)
FROM duckdb_memory()"""


class Lowest:
    """The least of what was measured within the last so many seconds, or up to twice as many."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = self._least = self._before = -math.inf

    def of(self, value: float, now: float) -> float:
        """Return the least, this value included."""
        if now >= self._until:
            self._before = self._least if now < self._until + self._seconds else value
            self._least, self._until = value, now + self._seconds
        self._least = min(self._least, value)
        return min(self._least, self._before)


class MemoryGuard:
    """Ends queries before the memory that they take is missed by the writer, or by the machine.

    DuckDB writes what it sorts, joins and groups to disk when its limit is reached. But what lists and joined texts hold stays in memory,
    the disk for the rest has a bound, and the texts of the rows at hand are not counted at all: these three are looked at here.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, readers: Readers, memory_bytes: int, spill_bytes: int) -> None:
        self._cursor = database.cursor()
        self._readers = readers
        self._memory_bytes, self._spill_bytes = memory_bytes, spill_bytes
        self._process = psutil.Process()
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._readers.wake()
        self._thread.join()
        self._cursor.close()

    def _watch(self) -> None:
        # What the process has when it opens is not of queries, nor is most of the least that it has within a minute: what one query
        # leaves behind, though, must not be added to what the next one may take.
        most = max(2 * self._memory_bytes + ROOM_BYTES, self._size() + self._memory_bytes)
        lowest = Lowest(LOWEST_SECONDS)
        while not self._is_closed:
            self._readers.wait_until_busy(lambda: self._is_closed)
            while self._readers.are_busy and not self._is_closed:
                size = self._size()
                if size > max(most, lowest.of(size, time.monotonic()) + self._memory_bytes // 2) or self._is_short():
                    self._readers.interrupt()
                time.sleep(LOOK_SECONDS)  # DuckDB tells nobody how much its queries hold

    def _size(self) -> int:
        return int(self._process.memory_info().rss)

    def _is_short(self) -> bool:
        try:
            ((held, spilled),) = self._cursor.execute(IN_USE).fetchall()
        except duckdb.Error:
            return True  # not even for this question there is memory
        return bool(held > self._memory_bytes // 2 or spilled > self._spill_bytes // 4 * 3)
