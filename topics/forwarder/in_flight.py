"""What is under way to Kafka, in stretches: a stretch is done when all of it is reported, and all before it is."""

from collections import Counter, deque
from collections.abc import Callable

MOST_BYTES = 16 << 20


class Stretch:
    """Messages that were read at once. One report for each is counted: which of them it was does not matter."""

    __slots__ = ("_fail", "accounts", "end", "left", "received_at", "sent", "start")

    def __init__(self, start: int, received_at: int, fail: Callable[[object], None]) -> None:
        self.start = self.end = start
        self.received_at = received_at  # of the first message
        self.left = self.sent = 0
        self.accounts: Counter[tuple[int, str, str]] = Counter()  # by minute, source and name: what no converter will account for
        self._fail = fail

    def reported(self, error: object, _message: object) -> None:
        """Take the delivery report of one message."""
        if error is None:
            self.left -= 1
        else:
            self._fail(error)


class Window:
    """The stretches under way, oldest first, within bounds of messages and bytes."""

    def __init__(self, most_messages: int) -> None:
        self._most_messages = most_messages
        self._stretches: deque[Stretch] = deque()
        self.messages = 0

    def room(self) -> int:
        """Give how many more messages may be under way."""
        if self._stretches and self._stretches[-1].end - self._stretches[0].start >= MOST_BYTES:
            return 0
        return self._most_messages - self.messages

    def add(self, stretch: Stretch) -> None:
        self._stretches.append(stretch)
        self.messages += stretch.sent

    def oldest(self) -> Stretch | None:
        """Give the stretch that the release waits for."""
        return self._stretches[0] if self._stretches else None

    def take_done(self) -> list[Stretch]:
        """Take the stretches from the front of which everything is reported."""
        done = []
        while self._stretches and self._stretches[0].left == 0:
            done.append(self._stretches.popleft())
            self.messages -= done[-1].sent
        return done

    def clear(self) -> int:
        """Forget everything; give how many messages were under way."""
        count = self.messages
        self._stretches.clear()
        self.messages = 0
        return count
