"""The one connection that writes, beside queries that may hold the memory which it needs.

DuckDB has one memory limit for all that it does. A statement of the writer that finds the memory taken is tried again when the queries
have been ended. But a checkpoint that does makes the whole database unusable: none is made while a query runs.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from minidruid.errors import StoreFailed, first_line
from minidruid.storage.readers import Readers

# Of the log. At DuckDB's own 16MB the checkpoints took 7 % of the converter's time; to read 64MB after a kill takes half a second.
CHECKPOINT_BYTES = 64_000_000
CHECKPOINT_AGAIN_SECONDS = 5  # when queries did not end in time
GRACE_SECONDS, PAUSE_SECONDS = 0.3, 1.0  # for queries to end before a checkpoint, by themselves and at all
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4)  # seconds, until queries have let go of the memory

# How a lack of memory reads when it is met in COMMIT, and in the next statement of a transaction that met it.
_PASSING = re.compile(r"(failed to|could not) (allocate|pin)|out of memory|transaction is aborted|within a transaction", re.IGNORECASE)

Result = TypeVar("Result")


class Writer:
    """Runs statements of the writer, one at a time."""

    def __init__(self, database: duckdb.DuckDBPyConnection, readers: Readers, path: Path) -> None:
        self._connect = database.cursor
        self._connection = database.cursor()
        self._readers = readers
        self._log = Path(f"{path}.wal")
        self._checkpoint_at = 0.0
        self._is_in_transaction = False

    def close(self) -> None:
        self._connection.close()

    def execute(self, sql: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql, parameters)

    def register(self, name: str, table: object) -> None:
        self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        self._connection.unregister(name)

    def with_memory(self, work: Callable[[], Result]) -> Result:
        """Return what the work comes to; where the memory was taken, it is done again, with a new connection and no query beside it."""
        if self._is_in_transaction:  # which as a whole may be done again
            return work()
        try:
            return work()
        except duckdb.Error as error:
            if not _is_passing(error):
                raise
            last = error
        for pause in PAUSES:
            with self._readers.paused(0, PAUSE_SECONDS) as is_quiet:
                try:
                    if is_quiet:
                        self._connection.close()
                        self._connection = self._connect()
                        return work()
                except duckdb.Error as error:
                    if not _is_passing(error):
                        raise
                    last = error
            time.sleep(pause)  # DuckDB says nothing when memory is free again
        raise StoreFailed(f"Queries leave no memory: {first_line(last)}. Raise HEADRACE_MINIDRUID_MEMORY_LIMIT.") from last

    def commit(self, work: Callable[[], Result]) -> Result:
        """Do the work in one transaction; whatever it raises, nothing of it is stored."""
        result = self.with_memory(lambda: self.transact(work))
        self._checkpoint()
        return result

    def transact(self, work: Callable[[], Result]) -> Result:
        """Do the work in one transaction, once."""
        self.execute("BEGIN")
        self._is_in_transaction = True
        try:
            result = work()
        except BaseException as error:
            if not isinstance(error, duckdb.Error) or not _is_passing(error):
                with suppress(duckdb.Error):
                    self.execute("ROLLBACK")
            raise
        finally:
            self._is_in_transaction = False
        try:
            self.execute("COMMIT")
        except duckdb.OutOfMemoryException:
            if not self._has_committed():
                raise
        return result

    def _has_committed(self) -> bool:
        """Whether the memory was missed after a commit, not before it: then there is no transaction to roll back any more."""
        with self._readers.paused(0, PAUSE_SECONDS):
            try:
                self.execute("ROLLBACK")
            except duckdb.TransactionException:
                return True
            except duckdb.OutOfMemoryException as error:
                raise StoreFailed(f"Queries left no memory for a commit: {first_line(error)}. Start again.") from error
        return False

    def _checkpoint(self) -> None:
        """Write the log to the file when it has grown enough."""
        if time.monotonic() < self._checkpoint_at or not self._log.exists() or self._log.stat().st_size < CHECKPOINT_BYTES:
            return
        self._checkpoint_at = time.monotonic() + CHECKPOINT_AGAIN_SECONDS
        with self._readers.paused(GRACE_SECONDS, PAUSE_SECONDS) as is_quiet:
            if is_quiet:
                # Another connection may write, or memory be taken regardless: then later.
                with suppress(duckdb.TransactionException, duckdb.OutOfMemoryException):
                    self.execute("CHECKPOINT")


def _is_passing(error: duckdb.Error) -> bool:
    """Whether an error says that the memory was taken."""
    is_of_transaction = isinstance(error, duckdb.TransactionException)
    return isinstance(error, duckdb.OutOfMemoryException) or (is_of_transaction and _PASSING.search(str(error)) is not None)
