"""The messages in flight to Kafka, in chunks: a chunk is done once it and all chunks before it are reported as delivered."""

from collections import Counter, deque
from collections.abc import Callable

MAX_BYTES = 16 << 20


class Chunk:
    """Messages that were read at once. Their delivery reports are only counted; which message each is for does not matter."""

    __slots__ = ("_fail", "accounts", "end", "received_at", "sent", "start", "unreported")

    def __init__(self, start: int, received_at: int, fail: Callable[[object], None]) -> None:
        self.start = self.end = start
        self.received_at = received_at  # of the first message
        self.unreported = self.sent = 0
        self.accounts: Counter[tuple[int, str, str]] = Counter()  # by minute, source and name: what no converter accounts for
        self._fail = fail

    def reported(self, error: object, _message: object) -> None:
        """Handle the delivery report of one message."""
        if error is None:
            self.unreported -= 1
        else:
            self._fail(error)


class InFlight:
    """The chunks in flight, oldest first, within bounds of messages and bytes."""

    def __init__(self, max_messages: int) -> None:
        self._max_messages = max_messages
        self._chunks: deque[Chunk] = deque()
        self.messages = 0

    def room(self) -> int:
        """Return how many more messages may be in flight."""
        if self._chunks and self._chunks[-1].end - self._chunks[0].start >= MAX_BYTES:
            return 0
        return self._max_messages - self.messages

    def add(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self.messages += chunk.sent

    def oldest(self) -> Chunk | None:
        """Return the chunk that the release waits for."""
        return self._chunks[0] if self._chunks else None

    def take_done(self) -> list[Chunk]:
        """Remove and return the oldest chunks that are completely reported."""
        done = []
        while self._chunks and self._chunks[0].unreported == 0:
            done.append(self._chunks.popleft())
            self.messages -= done[-1].sent
        return done

    def clear(self) -> int:
        """Drop everything; return how many messages were in flight."""
        count = self.messages
        self._chunks.clear()
        self.messages = 0
        return count
