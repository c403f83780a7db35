"""The backoff of the converter on an idle topic: short at first, so that rows appear at once."""

MIN_PAUSE_SECONDS = 0.002


class Backoff:
    """The length of the next pause between two polls.

    Batches need no tuning: the messages that arrive during a batch are the next one, so their size follows the load.
    """

    def __init__(self, max_pause_seconds: float) -> None:
        self._max_pause = max_pause_seconds
        self._pause = MIN_PAUSE_SECONDS

    def reset(self) -> None:
        """Start with short pauses again."""
        self._pause = MIN_PAUSE_SECONDS

    def next(self) -> float:
        """Return the seconds to wait, doubled each time up to the maximum."""
        pause = min(self._pause, self._max_pause)
        self._pause = pause * 2
        return pause
