"""The log of a topic as its writer sees it: appends groups to segments, syncs, publishes and counts them, deletes old segments."""

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from topics import ledger as ledgers
from topics.ledger import KEPT_MS, MINUTE_MS, Ledger, Received, ReceivedCounts
from topics.local.consumers import released_positions
from topics.local.high_watermark import HighWatermark
from topics.local.recovery import Recovered, recover
from topics.local.segments import create_segment, header, segment_bases, segment_path

Write: TypeAlias = Callable[[int, bytes, int], int]  # os.pwrite
Sync: TypeAlias = Callable[[int], None]  # os.fdatasync

# Messages contain what no row may (truncated IP addresses, user agents), so a quiet site deletes them about a day after they are read.
SEGMENT_SECONDS = 24 * 60 * 60
SEGMENT_BYTES = 64 << 20

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class NoSpace(Exception):
    """The disk is full and took nothing of a group: no sync has to cover it, so the writer can continue."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk operations that can fail; tests replace them."""

    write: Write = os.pwrite
    sync: Sync = os.fdatasync


REAL_DISK = Disk()


class Log:
    """The files of one topic; only `counts` and `unread_from` may be called from any thread."""

    def __init__(self, directory: Path, segment_bytes: int, disk: Disk, now: Callable[[], float]) -> None:
        self._directory, self._segment_bytes, self._disk, self._now = directory, segment_bytes, disk, now
        self._ledger_path = directory / "ledger.json"
        self._high_watermark = HighWatermark(directory, create=True)
        recovery = recover(
            directory,
            self._ledger_path,
            acknowledged=self._high_watermark.read(),
            released=max(released_positions(directory).values(), default=0),
            minute=self._minute(),
        )
        self.recovered: Recovered = recovery.recovered
        self.end = recovery.end
        self._ledger: Ledger = recovery.ledger
        self._ledger_lock = threading.Lock()
        self._fd, self._base, self._size, self._begun_at = -1, 0, 0, 0.0
        self._snapshot_at = recovery.counted_from
        self._first_kept = next(iter(segment_bases(directory)), self.end)
        with suppress(NoSpace):  # the older snapshot remains; the frames after it are counted at the next start
            self._save_ledger()
        self._high_watermark.write(self.end)
        self.delete_released()

    def store(self, frames: list[bytes], counts: ReceivedCounts) -> None:
        """Write, sync, publish and count a group; raises NoSpace (nothing happened) or OSError (the log must not be written again)."""
        content = b"".join(frames)
        if self._fd >= 0 and self._size > 0 and self._is_complete(self._size + len(content)):
            self._save_ledger()
            self._close_segment()
            self.delete_released()
        if self._fd < 0:
            self._begin_segment()
        start = header() if self._size == 0 else b""
        self._write(start + content)
        self._disk.sync(self._fd)
        self._size += len(start) + len(content)
        self.end = self._base + self._size
        self._high_watermark.write(self.end)
        with self._ledger_lock:
            self._ledger.add(counts)

    def give_up(self) -> None:
        """Truncate unsynced bytes after a failed sync, so that no later start takes them for durable; never sync this file again."""
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)

    def clean_up(self) -> None:
        """Delete segments that all consumers have passed, including the current one once it is a day old."""
        if self._fd >= 0 and self._size > 0 and self._is_complete(self._size):
            self._save_ledger()
            self._close_segment()
        self.delete_released()

    def delete_released(self) -> None:
        """Delete the closed segments that every consumer has passed."""
        released = released_positions(self._directory)
        passed = min(*released.values(), self._snapshot_at) if released else 0
        bases = segment_bases(self._directory)
        for base, following in pairwise([*bases, self.end] if self._fd < 0 else bases):
            if not base < following <= passed:
                break
            segment_path(self._directory, base).unlink()
            self._first_kept = following

    def unread_from(self) -> int:
        """Return the position of the first byte that a consumer still needs; without consumers, of the first byte kept."""
        return max(min(released_positions(self._directory).values(), default=0), self._first_kept)

    def counts(self) -> tuple[ReceivedCounts, dict[str, Received]]:
        """Return a copy of the ledger's minutes, and of its totals by source."""
        with self._ledger_lock:
            self._forget()
            minutes = {key: received.copy() for key, received in self._ledger.minutes.items()}
            return minutes, {source: received.copy() for source, received in self._ledger.totals.items()}

    def close(self, *, is_sound: bool) -> None:
        """Close the files; unless something failed, save the ledger first, so that the next start has nothing to count."""
        try:
            if is_sound:
                self._save_ledger()
                self.delete_released()
        finally:
            self._close_segment()
            self._high_watermark.close()

    def _is_complete(self, size: int) -> bool:
        return size > self._segment_bytes or self._now() - self._begun_at >= SEGMENT_SECONDS

    def _begin_segment(self) -> None:
        try:
            self._fd = create_segment(self._directory, self.end)
        except OSError as error:
            raise _as_no_space(error) from error
        self._base, self._size, self._begun_at = self.end, 0, self._now()

    def _close_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, content: bytes) -> None:
        written = 0
        try:
            while written < len(content):
                written += self._disk.write(self._fd, content[written:], self._size + written)
        except OSError as error:
            if error.errno in NO_SPACE:
                os.ftruncate(self._fd, self._size)
            raise _as_no_space(error) from error

    def _save_ledger(self) -> None:
        with self._ledger_lock:
            self._forget()
            try:
                ledgers.save(self._ledger_path, self._ledger, self.end)
            except OSError as error:
                raise _as_no_space(error) from error
        self._snapshot_at = self.end

    def _forget(self) -> None:
        self._ledger.forget_before(self._minute() - KEPT_MS)

    def _minute(self) -> int:
        return int(self._now() * 1000) // MINUTE_MS * MINUTE_MS


def _as_no_space(error: OSError) -> Exception:
    return NoSpace(str(error)) if error.errno in NO_SPACE else error
