"""CPU time of a piece of work relative to another piece in the same run: no slow or busy machine changes the result."""

import time
from collections.abc import Callable

RUNS = 5


def times_as_long(work: Callable[[], object], baseline: Callable[[], object]) -> float:
    """Return how many times the CPU time of the baseline the work takes: the minimum of alternating runs of each."""
    runs = [(_seconds(work), _seconds(baseline)) for _ in range(RUNS)]
    return min(seconds for seconds, _ in runs) / min(seconds for _, seconds in runs)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
