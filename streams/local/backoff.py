"""How long to wait when there is nothing: short at first, for most rows are wanted within the blink of an eye."""

SHORTEST_PAUSE_SECONDS = 0.002


class Backoff:
    """The length of the next pause.

    Batches need no such care: what arrives during one is the next, so they are as large as the load makes them.
    """

    def __init__(self, longest_pause_seconds: float) -> None:
        self._longest_pause = longest_pause_seconds
        self._pause = SHORTEST_PAUSE_SECONDS

    def worked(self) -> None:
        """Begin with short pauses again."""
        self._pause = SHORTEST_PAUSE_SECONDS

    def idle(self) -> float:
        """Give the seconds to wait now; each time longer, up to the bound."""
        pause = min(self._pause, self._longest_pause)
        self._pause = pause * 2
        return pause
