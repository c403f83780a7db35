"""The only connection that writes, beside queries that may use the memory it needs.

DuckDB has one memory limit for everything. If a statement of the writer runs out of memory, the queries are interrupted and it is retried.
But a checkpoint that runs out of memory makes the database unusable, so there is none while a query runs.
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

# Size of the log. With DuckDB's default of 16MB, checkpoints took 7 % of the converter's time; replaying 64MB after a kill takes 0.5 s.
CHECKPOINT_BYTES = 64_000_000
CHECKPOINT_RETRY_SECONDS = 5  # if queries did not end in time
GRACE_SECONDS, PAUSE_SECONDS = 0.3, 1.0  # for queries to end before a checkpoint: without and with an interrupt
BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4)  # between retries

# Messages if memory runs out in COMMIT, and of the next statement of a transaction in which it ran out.
_OUT_OF_MEMORY = re.compile(
    r"(failed to|could not) (allocate|pin)|out of memory|transaction is aborted|within a transaction", re.IGNORECASE
)

Result = TypeVar("Result")


class Writer:
    """Executes statements, retries them if memory is short, and makes checkpoints."""

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

    def retry(self, work: Callable[[], Result]) -> Result:
        """Return the result of the work; if memory is short, retry it with a new connection while queries are paused."""
        if self._is_in_transaction:  # the whole transaction is retried
            return work()
        try:
            return work()
        except duckdb.Error as error:
            if not _is_out_of_memory(error):
                raise
            last = error
        for pause in BACKOFF_SECONDS:
            with self._readers.paused(0, PAUSE_SECONDS) as is_quiet:
                try:
                    if is_quiet:
                        self._connection.close()
                        self._connection = self._connect()
                        return work()
                except duckdb.Error as error:
                    if not _is_out_of_memory(error):
                        raise
                    last = error
            time.sleep(pause)  # DuckDB has no event for free memory
        raise StoreFailed(f"Queries leave no memory for the writer: {first_line(last)}. Raise HEADRACE_MINIDRUID_MEMORY_LIMIT.") from last

    def commit(self, work: Callable[[], Result]) -> Result:
        """Run the work in one transaction, with retries; after an error, nothing is stored."""
        result = self.retry(lambda: self.transact(work))
        self._checkpoint()
        return result

    def transact(self, work: Callable[[], Result]) -> Result:
        """Run the work in one transaction, without retries."""
        self.execute("BEGIN")
        self._is_in_transaction = True
        try:
            result = work()
        except BaseException as error:
            if not isinstance(error, duckdb.Error) or not _is_out_of_memory(error):
                with suppress(duckdb.Error):
                    self.execute("ROLLBACK")
            raise
        finally:
            self._is_in_transaction = False
        try:
            self.execute("COMMIT")
        except duckdb.OutOfMemoryException:
            if self._roll_back():
                raise
        return result

    def _roll_back(self) -> bool:
        """Roll back after memory ran out in COMMIT; return False if there is no transaction any more, because it is committed."""
        with self._readers.paused(0, PAUSE_SECONDS):
            try:
                self.execute("ROLLBACK")
            except duckdb.TransactionException:
                return False
            except duckdb.OutOfMemoryException as error:
                raise StoreFailed(f"Queries left no memory for a commit: {first_line(error)}. Restart the store.") from error
        return True

    def _checkpoint(self) -> None:
        """Write the log to the file if it has the size for a checkpoint."""
        if time.monotonic() < self._checkpoint_at or not self._log.exists() or self._log.stat().st_size < CHECKPOINT_BYTES:
            return
        self._checkpoint_at = time.monotonic() + CHECKPOINT_RETRY_SECONDS
        with self._readers.paused(GRACE_SECONDS, PAUSE_SECONDS) as is_quiet:
            if is_quiet:
                # If another connection writes or memory is short, it is retried later.
                with suppress(duckdb.TransactionException, duckdb.OutOfMemoryException):
                    self.execute("CHECKPOINT")


def _is_out_of_memory(error: duckdb.Error) -> bool:
    """Whether memory was short, so that a retry may succeed."""
    is_of_transaction = isinstance(error, duckdb.TransactionException)
    return isinstance(error, duckdb.OutOfMemoryException) or (is_of_transaction and _OUT_OF_MEMORY.search(str(error)) is not None)
