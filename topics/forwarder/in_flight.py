"""What is under way to Kafka, in chunks: a chunk is done when all of it is reported, and all before it is."""

from collections import Counter, deque
from collections.abc import Callable

MOST_BYTES = 16 << 20


class Chunk:
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


class InFlight:
    """The chunks under way, oldest first, within bounds of messages and bytes."""

    def __init__(self, most_messages: int) -> None:
        self._most_messages = most_messages
        self._chunks: deque[Chunk] = deque()
        self.messages = 0

    def room(self) -> int:
        """Give how many more messages may be under way."""
        if self._chunks and self._chunks[-1].end - self._chunks[0].start >= MOST_BYTES:
            return 0
        return self._most_messages - self.messages

    def add(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self.messages += chunk.sent

    def oldest(self) -> Chunk | None:
        """Give the chunk that the release waits for."""
        return self._chunks[0] if self._chunks else None

    def take_done(self) -> list[Chunk]:
        """Take the chunks from the front of which everything is reported."""
        done = []
        while self._chunks and self._chunks[0].left == 0:
            done.append(self._chunks.popleft())
            self.messages -= done[-1].sent
        return done

    def clear(self) -> int:
        """Forget everything; give how many messages were under way."""
        count = self.messages
        self._chunks.clear()
        self.messages = 0
        return count
