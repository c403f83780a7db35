"""Jobs that other threads queue for the converter: its own thread runs them between two batches."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Jobs:
    """Jobs that are queued and not done yet."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    def ask(self, job: Callable[[], Result]) -> "Future[Result]":
        """Queue a job and return its result to come; one that fails ends the converter, as a batch does."""
        done: Future[Result] = Future()
        self._asked.put((job, done))
        return done

    def work(self) -> None:
        """Run all queued jobs."""
        while not self._asked.empty():
            job, done = self._asked.get()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(job())
            except BaseException as error:
                done.set_exception(error)
                raise
