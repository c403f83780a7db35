"""The reading side of a local topic: plain and synchronous, for a thread or a process of its own."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from topics.accounts import Accounts
from topics.ledger import KEPT_MS, MINUTE_MS, Minute
from topics.local.consumers import ConsumerState, consumer_path, load_consumer, save_consumer, with_release
from topics.local.high_watermark import HighWatermark
from topics.local.segments import SegmentReader, set_aside
from topics.topic import Damage, Entry, TopicError

_NO_ACCOUNT: Mapping[Minute, Mapping[str, int]] = {}


class LocalReader:
    """Reads a local topic by position. A registered one holds back what it has not released; `position` is where it begins."""

    def __init__(self, directory: Path, state_path: Path | None, state: ConsumerState, now: Callable[[], float]) -> None:
        self._directory, self._state_path, self._state, self._now = directory, state_path, state, now
        self._segments = SegmentReader(directory)
        self._end: HighWatermark | None = None
        self.damaged = 0  # how often damage was read
        self.position = state.position if state_path else self.high_watermark()

    @classmethod
    def open(cls, path: Path, name: str, *, now: Callable[[], float] = time.time) -> "LocalReader":
        """Register a reader, or go on as the one of that name; the topic may not have been written to yet."""
        state_path = consumer_path(path, name)
        state = load_consumer(state_path)
        if state is None:
            state = ConsumerState()
            save_consumer(state_path, state)
        return cls(path, state_path, state, now)

    def read(self, position: int, max_messages: int) -> list[Entry | Damage]:
        """Give what stands from `position` on, in order; empty when there is nothing yet."""
        end = self.high_watermark()
        if position >= end:
            return []
        found = self._segments.read(position, end, max_messages)
        for damage in (one for one in found if isinstance(one, Damage)):
            self.damaged += 1
            if self._state_path:  # who only looks on writes nothing
                set_aside(self._directory, damage)
        return found

    def high_watermark(self) -> int:
        """Give the durable end: the position where the next message will be found."""
        try:
            self._end = self._end or HighWatermark(self._directory)
        except FileNotFoundError:  # no writer yet
            return 0
        return self._end.read()

    def release(self, position: int, account: Mapping[Minute, Mapping[str, int]] = _NO_ACCOUNT) -> None:
        """Say that everything before `position` is dealt with; `account` has the whole counts of the minutes that changed."""
        if self._state_path is None:
            raise TopicError("this reader is not registered: it has nothing to release")
        oldest = int(self._now() * 1000) // MINUTE_MS * MINUTE_MS - KEPT_MS
        self._state = with_release(self._state_path, self._state, position, account, oldest)
        self.position = position

    def accounts(self) -> Accounts:
        """Give what was released with the positions so far, of the last 48 hours."""
        return self._state.past | self._state.recent

    def close(self) -> None:
        self._segments.close()
        if self._end:
            self._end.close()
            self._end = None


def tail(path: Path) -> LocalReader:
    """Give a reader that nobody waits for; its `position` is the durable end."""
    return LocalReader(path, None, ConsumerState(), time.time)
