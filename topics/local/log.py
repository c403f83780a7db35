"""The writing side of the files: groups of frames into segments, synced, published, counted; old segments deleted."""

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

# Messages hold what no row may (cut addresses, agents): on a quiet site too they go within a day or so of being read.
SEGMENT_SECONDS = 24 * 60 * 60
SEGMENT_BYTES = 64 << 20

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class NoSpace(Exception):
    """The disk took nothing of a group: nothing was written that a sync would have to cover, so the writer can go on."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What can fail about a disk, passed in."""

    write: Write = os.pwrite
    sync: Sync = os.fdatasync


REAL_DISK = Disk()


class Log:
    """The files of one topic as its writer sees them; all but `counts` and `unread_from` belong to one thread."""

    def __init__(self, directory: Path, segment_bytes: int, disk: Disk, now: Callable[[], float]) -> None:
        self._directory, self._segment_bytes, self._disk, self._now = directory, segment_bytes, disk, now
        self._ledger_path = directory / "ledger.json"
        self._durable_end = HighWatermark(directory, create=True)
        recovery = recover(
            directory,
            self._ledger_path,
            acknowledged=self._durable_end.read(),
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
        with suppress(NoSpace):  # the older snapshot stays, and the frames behind it stay to be counted
            self._save_ledger()
        self._durable_end.write(self.end)
        self.delete_released()

    def store(self, frames: list[bytes], counts: ReceivedCounts) -> None:
        """Make a group durable, visible and counted; raises NoSpace (nothing happened) or OSError (nothing may be written any more)."""
        content = b"".join(frames)
        if self._fd >= 0 and self._size > 0 and self._is_done(self._size + len(content)):
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
        self._durable_end.write(self.end)
        with self._ledger_lock:
            self._ledger.add(counts)

    def give_up(self) -> None:
        """After a failed sync: cut what is not durable, so that no later start takes it for durable; never sync this file again."""
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)

    def clean_up(self) -> None:
        """Delete what the readers have passed, the segment being written too once it is a day old: a quiet site keeps nothing longer."""
        if self._fd >= 0 and self._size > 0 and self._is_done(self._size):
            self._save_ledger()
            self._close_segment()
        self.delete_released()

    def delete_released(self) -> None:
        """Delete whole segments that every registered reader has passed, the last one too unless it is being written."""
        released = released_positions(self._directory)
        passed = min(*released.values(), self._snapshot_at) if released else 0
        bases = segment_bases(self._directory)
        for base, following in pairwise([*bases, self.end] if self._fd < 0 else bases):
            if not base < following <= passed:
                break
            segment_path(self._directory, base).unlink()
            self._first_kept = following

    def unread_from(self) -> int:
        """Give the position of the first byte that some reader still needs; without readers, of the first one kept."""
        return max(min(released_positions(self._directory).values(), default=0), self._first_kept)

    def counts(self) -> tuple[ReceivedCounts, dict[str, Received]]:
        """Give a copy of the ledger's minutes, and of its totals by source."""
        with self._ledger_lock:
            self._forget()
            minutes = {key: received.copy() for key, received in self._ledger.minutes.items()}
            return minutes, {source: received.copy() for source, received in self._ledger.totals.items()}

    def close(self, *, is_sound: bool) -> None:
        """Let go of the files; with a snapshot of the ledger when nothing failed, so that the next start counts nothing again."""
        try:
            if is_sound:
                self._save_ledger()
                self.delete_released()
        finally:
            self._close_segment()
            self._durable_end.close()

    def _is_done(self, size: int) -> bool:
        return size > self._segment_bytes or self._now() - self._begun_at >= SEGMENT_SECONDS

    def _begin_segment(self) -> None:
        try:
            self._fd = create_segment(self._directory, self.end)
        except OSError as error:
            raise _refined(error) from error
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
            raise _refined(error) from error

    def _save_ledger(self) -> None:
        with self._ledger_lock:
            self._forget()
            try:
                ledgers.save(self._ledger_path, self._ledger, self.end)
            except OSError as error:
                raise _refined(error) from error
        self._snapshot_at = self.end

    def _forget(self) -> None:
        self._ledger.forget_before(self._minute() - KEPT_MS)

    def _minute(self) -> int:
        return int(self._now() * 1000) // MINUTE_MS * MINUTE_MS


def _refined(error: OSError) -> Exception:
    return NoSpace(str(error)) if error.errno in NO_SPACE else error
