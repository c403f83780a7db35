"""The queries that read the store, which the writer can interrupt to get their memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import duckdb

INTERRUPT_INTERVAL_SECONDS = 0.02


class Readers:
    """The cursors in use, and a gate that the writer closes to pause queries."""

    def __init__(self, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a cursor for one query; waits while the gate is closed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_closed)
            cursor = self._connect()
            self._cursors.add(cursor)
            self._changed.notify_all()
        try:
            yield cursor
        finally:
            cursor.close()
            with self._changed:
                self._cursors.discard(cursor)
                self._changed.notify_all()

    @property
    def are_busy(self) -> bool:
        return bool(self._cursors)

    def wait_until_busy(self, is_closed: Callable[[], bool]) -> None:
        """Return when a query runs, or when `is_closed` is true after a call of `wake`."""
        with self._changed:
            self._changed.wait_for(lambda: self._cursors or is_closed())

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Interrupt all queries; the engine retries them."""
        with self._changed:
            for cursor in self._cursors:
                with suppress(duckdb.ConnectionException):  # already closed
                    cursor.interrupt()

    @contextmanager
    def paused(self, grace_seconds: float, timeout_seconds: float) -> Iterator[bool]:
        """Close the gate for the block and interrupt the queries that still run after the grace; False if one runs after the timeout."""
        with self._changed:
            self._is_closed = True
        try:
            now = time.monotonic()
            yield self._drain(now + grace_seconds, now + timeout_seconds)
        finally:
            with self._changed:
                self._is_closed = False
                self._changed.notify_all()

    def _drain(self, interrupt_at: float, deadline: float) -> bool:
        while self._cursors and time.monotonic() < deadline:
            if time.monotonic() >= interrupt_at:
                self.interrupt()
            with self._changed:
                self._changed.wait_for(lambda: not self._cursors, INTERRUPT_INTERVAL_SECONDS)
        return not self._cursors
