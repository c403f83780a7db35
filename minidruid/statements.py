"""A statement in flight: translated and run on threads, and stopped by a timeout, a cancellation or a client that disconnects."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request

from minidruid.engine import Execution
from minidruid.errors import CANCELED, QueryError
from minidruid.results import QueryResult

INTERRUPT_INTERVAL_SECONDS = 0.1
STOP_GRACE_SECONDS = 0.25  # for a stopped statement to end before its error is sent

T = TypeVar("T")


@dataclass(eq=False)
class Statement:
    """A statement in flight; `stopped` gets the error that ends it early."""

    query_id: str
    execution: Execution = field(default_factory=Execution)
    stopped: "asyncio.Future[QueryError]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    work: "Future[Any] | None" = None

    def stop(self, error: QueryError) -> None:
        """Respond with this error, and interrupt the work."""
        if not self.stopped.done():
            self.stopped.set_result(error)

    async def stop_on_disconnect(self, request: Request) -> None:
        """Stop the statement when its client disconnects."""
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self.stop(QueryError("The client disconnected", CANCELED))

    async def wait(self, work: "Future[T]") -> T:
        """Return the result of the work; raises QueryError soon after the statement is stopped, even if the work continues."""
        self.work = work
        future = asyncio.wrap_future(work)
        either: list[asyncio.Future[Any]] = [future, self.stopped]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            future.add_done_callback(_release)
            raise
        finally:
            self._interrupt(work)
        if not self.stopped.done():
            return future.result()
        future.add_done_callback(_release)
        await asyncio.wait([future], timeout=STOP_GRACE_SECONDS)
        raise self.stopped.result()

    def _interrupt(self, work: "Future[Any]") -> None:
        # Repeatedly, because DuckDB loses an interrupt that comes before it runs the statement.
        if not work.done() and not work.cancel():
            self.execution.interrupt()
            asyncio.get_running_loop().call_later(INTERRUPT_INTERVAL_SECONDS, self._interrupt, work)

    @property
    def is_busy(self) -> bool:
        """Whether a thread still works on the statement, even after its response."""
        return self.work is not None and not self.work.done()


def _release(future: "asyncio.Future[Any]") -> None:
    """Release the result of abandoned work."""
    if not future.cancelled() and future.exception() is None and isinstance(result := future.result(), QueryResult):
        result.release()
