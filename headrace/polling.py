"""Waiting for other programs."""

import time
from collections.abc import Iterator


def attempts(seconds: float, interval_seconds: float) -> Iterator[None]:
    """Yield at once, then after each interval until the time is up."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() <= deadline:
        time.sleep(interval_seconds)  # the programs send no notifications
        yield
