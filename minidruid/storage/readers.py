"""The queries that read the store, which the writer may end where it needs the memory that they hold."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import duckdb

LOOK_AGAIN_SECONDS = 0.02


class Readers:
    """Cursors in use, and a gate that the writer may close for a moment."""

    def __init__(self, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one query; waits while the gate is closed."""
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

    def wait_until_busy(self, is_over: Callable[[], bool]) -> None:
        """Return when a query runs, or when it is over and somebody called `wake`."""
        with self._changed:
            self._changed.wait_for(lambda: self._cursors or is_over())

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def interrupt(self) -> None:
        """End all queries; they may be asked again."""
        with self._changed:
            for cursor in self._cursors:
                with suppress(duckdb.ConnectionException):  # it has just been closed
                    cursor.interrupt()

    @contextmanager
    def paused(self, grace_seconds: float, seconds: float) -> Iterator[bool]:
        """Close the gate, end what still runs after the grace, and open it again afterwards; False if something runs on regardless."""
        with self._changed:
            self._is_closed = True
        try:
            yield self._wait(time.monotonic() + grace_seconds, time.monotonic() + seconds)
        finally:
            with self._changed:
                self._is_closed = False
                self._changed.notify_all()

    def _wait(self, interrupt_at: float, until: float) -> bool:
        while self._cursors and time.monotonic() < until:
            if time.monotonic() >= interrupt_at:
                self.interrupt()
            with self._changed:
                self._changed.wait_for(lambda: not self._cursors, LOOK_AGAIN_SECONDS)
        return not self._cursors
