"""Wait for the thing, not for the clock."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, within_seconds: float = 10, every_seconds: float = 0.02) -> None:
    """Return as soon as the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_seconds} s: {getattr(condition, '__doc__', None) or condition}"
        time.sleep(every_seconds)  # the one sleep of the suite: between two looks at the condition
