"""Jobs that other threads submit to the converter; its own thread runs them between two batches."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Jobs:
    """A queue of jobs."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    def submit(self, job: Callable[[], Result]) -> "Future[Result]":
        """Queue a job and return a future of its result; a job that fails stops the converter, like a batch."""
        done: Future[Result] = Future()
        self._queue.put((job, done))
        return done

    def run_all(self) -> None:
        """Run all queued jobs."""
        while not self._queue.empty():
            job, done = self._queue.get()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(job())
            except BaseException as error:
                done.set_exception(error)
                raise
