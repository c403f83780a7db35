"""How much to take at once and how long to wait: large batches when there is much, short pauses when there is nothing."""

FEWEST_MESSAGES = 100
# A row is to be seen within 300 ms, and what arrives during a batch waits for it.
LONGEST_BATCH_SECONDS = 0.15
SHORTEST_PAUSE_SECONDS = 0.002


class Pace:
    """The size of the next batch and the length of the next pause."""

    def __init__(self, most_messages: int, longest_pause_seconds: float) -> None:
        self._most_messages = most_messages
        self._longest_pause = longest_pause_seconds
        self._pause = SHORTEST_PAUSE_SECONDS
        self.batch_messages = min(1000, most_messages)

    def worked(self, messages: int, seconds: float) -> None:
        """Learn from a batch: halve when it took too long, double when a full one was quick."""
        self._pause = SHORTEST_PAUSE_SECONDS
        if seconds > LONGEST_BATCH_SECONDS:
            self.batch_messages = max(min(FEWEST_MESSAGES, self._most_messages), messages // 2)
        elif messages >= self.batch_messages and seconds < LONGEST_BATCH_SECONDS / 2:
            self.batch_messages = min(self._most_messages, self.batch_messages * 2)

    def idle(self) -> float:
        """Give the seconds to wait now; each time longer, up to the bound."""
        pause = min(self._pause, self._longest_pause)
        self._pause = pause * 2
        return pause
