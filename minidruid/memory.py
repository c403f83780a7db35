"""The memory that queries may take, of the store and of the process."""

import re
import threading
import time

import duckdb
import psutil

from minidruid.readers import Readers

LOOK_SECONDS = 0.025
ROOM_BYTES = 100_000_000  # of the process beside twice DuckDB's limit
IN_USE = """SELECT coalesce(sum(memory_usage_bytes) FILTER (WHERE tag = 'ALLOCATOR'), 0), coalesce(sum(temporary_storage_bytes), 0)
FROM duckdb_memory()"""

_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")


def bytes_of(size: str) -> int:
    """Return a size such as 256MB as a number of bytes; raises ValueError if it is not valid."""
    found = _SIZE.fullmatch(size)
    if not found:
        raise ValueError(f"[{size}] is not a valid size: a number and {', '.join(_UNITS)} are expected.")
    return int(float(found[1]) * _UNITS[found[2]])


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
        while not self._is_closed:
            # What the process has while no query runs is not theirs.
            most = max(2 * self._memory_bytes + ROOM_BYTES, self._size() + self._memory_bytes)
            self._readers.wait_until_busy(lambda: self._is_closed)
            while self._readers.are_busy and not self._is_closed:
                time.sleep(LOOK_SECONDS)
                if self._size() > most or self._is_short():
                    self._readers.interrupt()

    def _size(self) -> int:
        return int(self._process.memory_info().rss)

    def _is_short(self) -> bool:
        try:
            ((held, spilled),) = self._cursor.execute(IN_USE).fetchall()
        except duckdb.Error:
            return True  # not even for this question there is memory
        return bool(held > self._memory_bytes // 2 or spilled > self._spill_bytes // 4 * 3)
