"""A topic in files on this machine: messages are durable before the answer, and outlive any process."""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import structlog

from startup.atomic_files import close_folder
from topics.ledger import Received, ReceivedCounts, count
from topics.local.disk_space import DiskSpace
from topics.local.frame import encode
from topics.local.lock import lock, unlock
from topics.local.log import REAL_DISK, SEGMENT_BYTES, Disk, Log, NoSpace
from topics.topic import Message, TopicError, TopicFailed, TopicFull

GIB = 1 << 30
UPKEEP_SECONDS = 1.0
QUIET_SECONDS = 60.0  # after so long without a message, what the readers have passed is deleted all the same
FULL_LOOK_SECONDS = 0.05
NO_SPACE_SECONDS = 5.0  # so long nobody should send, after a disk took nothing
MAX_PENDING_BYTES = 64 << 20  # that wait for the disk
FULL, SLOW = "the topic is full: is its reader running?", "the disk does not keep up"

log = structlog.get_logger("topic")


class _Durable(asyncio.Future[None]):
    """The acknowledgement of a group, shared by all who wait for it: one of them going away must not cancel it for the others."""

    def cancel(self, msg: object | None = None) -> bool:  # noqa: ARG002  (the signature of Future)
        return False


class _Group:
    """The frames that are written and synced together."""

    __slots__ = ("counts", "durable", "error", "frames", "size")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.frames: list[bytes] = []
        self.counts: ReceivedCounts = {}
        self.size = 0
        self.durable = _Durable(loop=loop)
        self.error: TopicError | None = None


class _Upkeep:
    """Asks the writer to delete what the readers have passed though nothing is written."""


class LocalTopic:
    """The one writer of a local topic: groups what arrives while the disk is busy, one thread, one sync a group."""

    def __init__(
        self,
        directory: Path,
        log: Log,
        lock_fd: int,
        max_unread_bytes: int,
        reserve_bytes: int | None,
        on_failure: Callable[[BaseException], None],
        quiet_seconds: float,
    ) -> None:
        self._directory, self._log, self._lock_fd = directory, log, lock_fd
        self._space, self._no_space_until, self._deleted_at = DiskSpace(directory, reserve_bytes), 0.0, 0.0
        self._shortage = self._space.shortage()  # the writer looks again behind what it writes
        self._max_unread_bytes, self._on_failure = max_unread_bytes, on_failure
        self._quiet_seconds = quiet_seconds
        self.recovered = log.recovered
        self._gathering: _Group | None = None
        self._pending_bytes, self._is_writing, self._is_closed = 0, False, False
        self._unread_from, self._looked_at = log.unread_from(), time.monotonic()
        self._queue: SimpleQueue[_Group | _Upkeep | None] = SimpleQueue()
        self._is_failure_told = False
        self._thread = threading.Thread(target=self._write_groups, name="topic writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        max_unread_bytes: int = 2 * GIB,
        reserve_bytes: int | None = 0,
        segment_bytes: int = SEGMENT_BYTES,
        on_failure: Callable[[BaseException], None],
        disk: Disk = REAL_DISK,
        now: Callable[[], float] = time.time,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> "LocalTopic":
        """Take the lock, recover the files, begin to write; raises TopicInUse, or TopicFailed when the disk refuses.

        Nothing is taken while less than `reserve_bytes` of the disk are free: by default none, None is the larger of 1 GiB and 5 % of it.
        """
        lock_fd = -1
        try:
            close_folder(path)
            lock_fd = lock(path / "lock")
            files = Log(path, segment_bytes, disk, now)
            return cls(path, files, lock_fd, max_unread_bytes, reserve_bytes, on_failure, quiet_seconds)
        except OSError as error:
            unlock(lock_fd)
            raise TopicFailed(f"{path}: the topic cannot be opened: {error}") from error
        except TopicError:
            unlock(lock_fd)
            raise

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Take messages, all or none; the future is done when they are durable. Raises TopicFull at once.

        The future raises TopicFull too (the disk took nothing), or TopicFailed (the process must end). It cannot be cancelled.
        """
        frames = [encode(message) for message in messages]
        size = sum(map(len, frames))
        self._make_room()
        group = self._gathering
        if group is None:
            group = self._gathering = _Group(asyncio.get_running_loop())
            if not self._is_writing:
                self._is_writing = True
                group.durable.get_loop().call_soon(self._hand_over)
        group.frames += frames
        group.size += size
        self._pending_bytes += size
        counts = group.counts
        for message in messages:
            count(counts, message)
        return group.durable

    def ledger(self) -> dict[tuple[int, str], Received]:
        """Give what came in and is durable, by minute and source, of the last 48 hours."""
        return self._log.counts()[0]

    def totals(self) -> dict[str, Received]:
        """Give what ever came in and is durable, by source."""
        return self._log.counts()[1]

    def high_watermark(self) -> int:
        """Give the durable end."""
        return self._log.end

    def unread_bytes(self) -> int:
        """Give how much the slowest registered reader still has before it."""
        self._look()
        return max(0, self._log.end + self._pending_bytes - self._unread_from)

    def not_ready_reason(self) -> str:
        """Why nothing is taken; empty when it is."""
        if self.unread_bytes() >= self._max_unread_bytes:
            return FULL
        if self._pending_bytes >= MAX_PENDING_BYTES:
            return SLOW
        return self._look_at_disk() or ("the disk took nothing a moment ago" if time.monotonic() < self._no_space_until else "")

    def close(self) -> None:
        """Make durable what was taken, save the ledger, let go of the files. The last futures are done in the loop's next turn."""
        if self._is_closed:
            return
        self._is_closed = True
        self._hand_over()
        self._queue.put(None)
        self._thread.join()
        unlock(self._lock_fd)

    def _make_room(self) -> None:
        if self._is_closed:
            raise TopicFailed(f"{self._directory}: the topic is closed")
        least = self._log.end + self._pending_bytes - self._max_unread_bytes
        if least >= self._unread_from and time.monotonic() - self._looked_at > FULL_LOOK_SECONDS:
            self._look()
        if least >= self._unread_from:
            raise _full(FULL)
        if self._pending_bytes >= MAX_PENDING_BYTES:
            raise _full(SLOW)
        if self._shortage and (shortage := self._look_at_disk()):
            raise _full(shortage)

    def _look_at_disk(self) -> str:
        """Return why the disk is to take no more; then what the readers have passed is deleted, though nothing is written."""
        self._shortage = shortage = self._space.shortage()
        if shortage and (now := time.monotonic()) - self._deleted_at >= UPKEEP_SECONDS:
            self._deleted_at = now
            self._queue.put(_Upkeep())
        return shortage

    def _look(self) -> None:
        self._unread_from, self._looked_at = self._log.unread_from(), time.monotonic()

    def _hand_over(self) -> None:
        if self._gathering:
            self._queue.put(self._gathering)
        else:
            self._is_writing = False
        self._gathering = None

    def _done(self, group: _Group) -> None:
        self._hand_over()
        self._pending_bytes -= group.size
        if group.error is None:
            group.durable.set_result(None)
            return
        group.durable.set_exception(group.error)
        group.durable.exception()  # seen: whoever sent these messages may be gone
        if isinstance(group.error, TopicFailed) and not self._is_failure_told:
            self._is_failure_told = True
            group.durable.get_loop().call_soon(self._on_failure, group.error)  # behind those who wait: they answer first

    def _write_groups(self) -> None:
        upkeep_at, failure = 0.0, None
        while group := self._next():
            if isinstance(group, _Upkeep):
                if failure is None:
                    with suppress(NoSpace, OSError):
                        self._log.clean_up()
                continue
            is_upkeep_due = time.monotonic() >= upkeep_at
            failure = failure or self._write_group(group, is_upkeep_due=is_upkeep_due)
            upkeep_at = time.monotonic() + UPKEEP_SECONDS if is_upkeep_due else upkeep_at
            group.error = group.error or failure
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                group.durable.get_loop().call_soon_threadsafe(self._done, group)
        with suppress(NoSpace, OSError):  # what is durable stays so; the ledger is counted again at the next start
            self._log.close(is_sound=failure is None)

    def _next(self) -> _Group | _Upkeep | None:
        try:
            return self._queue.get(timeout=self._quiet_seconds)
        except Empty:
            return _Upkeep()

    def _write_group(self, group: _Group, *, is_upkeep_due: bool) -> TopicFailed | None:
        """Store a group; gives the failure after which nothing may be written any more."""
        try:
            if is_upkeep_due:
                self._log.delete_released()
            if group.frames:
                self._log.store(group.frames, group.counts)
                self._shortage = self._space.shortage(group.size)
        except NoSpace as error:
            group.error = _full("the disk is full")
            if time.monotonic() >= self._no_space_until:  # or else it was logged a moment ago
                log.warning("the disk took nothing", directory=str(self._directory), error=str(error))
            self._no_space_until = time.monotonic() + NO_SPACE_SECONDS
            with suppress(OSError):
                self._log.delete_released()  # the only space that is ours to give
        except BaseException as error:  # noqa: BLE001  (whatever it was: nothing of this group is acknowledged)
            self._log.give_up()
            failure = TopicFailed(f"{self._directory}: a write or a sync failed, nothing more is taken: {error!r}")
            failure.__cause__ = error
            return failure
        else:
            self._no_space_until = 0.0
        return None


def _full(reason: str) -> TopicFull:
    return TopicFull(reason, 5 + secrets.randbelow(26))  # spread, so that they do not all return at once
