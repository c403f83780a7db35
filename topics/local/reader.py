"""The reading side of a local topic: synchronous, for a separate thread or process."""

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
    """Reads a local topic from a position. If it is a registered consumer, its released `position` holds back deletion."""

    def __init__(self, directory: Path, state_path: Path | None, state: ConsumerState, now: Callable[[], float]) -> None:
        self._directory, self._state_path, self._state, self._now = directory, state_path, state, now
        self._segments = SegmentReader(directory)
        self._high_watermark: HighWatermark | None = None
        self.damaged = 0  # number of damaged frames read
        self.position = state.position if state_path else self.high_watermark()

    @classmethod
    def open(cls, path: Path, name: str, *, now: Callable[[], float] = time.time) -> "LocalReader":
        """Register a consumer, or resume the one with this name; the topic need not exist yet."""
        state_path = consumer_path(path, name)
        state = load_consumer(state_path)
        if state is None:
            state = ConsumerState()
            save_consumer(state_path, state)
        return cls(path, state_path, state, now)

    def read(self, position: int, max_messages: int) -> list[Entry | Damage]:
        """Return the entries from `position` on, in order; empty if there is nothing yet."""
        end = self.high_watermark()
        if position >= end:
            return []
        found = self._segments.read(position, end, max_messages)
        for damage in (one for one in found if isinstance(one, Damage)):
            self.damaged += 1
            if self._state_path:  # `tail` writes nothing
                set_aside(self._directory, damage)
        return found

    def high_watermark(self) -> int:
        """Return the position up to which everything is synced: that of the next message."""
        try:
            self._high_watermark = self._high_watermark or HighWatermark(self._directory)
        except FileNotFoundError:  # no writer yet
            return 0
        return self._high_watermark.read()

    def release(self, position: int, account: Mapping[Minute, Mapping[str, int]] = _NO_ACCOUNT) -> None:
        """Declare everything before `position` as processed; `account` has the whole counts of the minutes that changed."""
        if self._state_path is None:
            raise TopicError("this reader is not a registered consumer: it has nothing to release")
        oldest = int(self._now() * 1000) // MINUTE_MS * MINUTE_MS - KEPT_MS
        self._state = with_release(self._state_path, self._state, position, account, oldest)
        self.position = position

    def accounts(self) -> Accounts:
        """Return the released accounts of the last 48 hours."""
        return self._state.past | self._state.recent

    def close(self) -> None:
        self._segments.close()
        if self._high_watermark:
            self._high_watermark.close()
            self._high_watermark = None


def tail(path: Path) -> LocalReader:
    """Return a reader that starts at the high watermark and holds back no deletion."""
    return LocalReader(path, None, ConsumerState(), time.time)
