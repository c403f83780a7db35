"""A topic in files on this machine: messages are durable before the response, and survive any process."""

import asyncio
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
UPKEEP_INTERVAL_SECONDS = 1.0
QUIET_SECONDS = 60.0  # without a message: released segments are deleted all the same
FULL_CHECK_INTERVAL_SECONDS = 0.05
NO_SPACE_SECONDS = 5.0  # not ready for this time after the disk was full
MAX_PENDING_BYTES = 64 << 20  # waiting for the disk
FULL, SLOW = "the topic is full: is its consumer running?", "the disk does not keep up"

log = structlog.get_logger("topic")


class _Durable(asyncio.Future[None]):
    """The acknowledgement of a group; all its senders share it, so that none may cancel it for the others."""

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
    """Asks the writer to delete released segments although nothing is written."""


class LocalTopic:
    """The single writer of a local topic: one thread, one sync per group of messages that arrived while the disk was busy."""

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
        self._shortage = self._space.shortage()  # the writer checks again after each write
        self._max_unread_bytes, self._on_failure = max_unread_bytes, on_failure
        self._quiet_seconds = quiet_seconds
        self.recovered = log.recovered
        self._gathering: _Group | None = None
        self._pending_bytes, self._is_writing, self._is_closed = 0, False, False
        self._unread_from, self._checked_at = log.unread_from(), time.monotonic()
        self._queue: SimpleQueue[_Group | _Upkeep | None] = SimpleQueue()
        self._is_failure_reported = False
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
        """Acquire the lock, recover the files, start to write; raises TopicInUse, or TopicFailed on an error of the disk.

        No message is accepted while less than `reserve_bytes` of the disk are free. None means 1 GiB or 5 % of it, whichever is larger.
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
        """Append all messages or none; the future completes when they are durable. Raises TopicFull at once.

        The future raises TopicFull (the disk is full) or TopicFailed (the process must exit). It cannot be cancelled.
        """
        frames = [encode(message) for message in messages]
        size = sum(map(len, frames))
        self._require_room()
        group = self._gathering
        if group is None:
            group = self._gathering = _Group(asyncio.get_running_loop())
            if not self._is_writing:
                self._is_writing = True
                group.durable.get_loop().call_soon(self._submit_group)
        group.frames += frames
        group.size += size
        self._pending_bytes += size
        counts = group.counts
        for message in messages:
            count(counts, message)
        return group.durable

    def ledger(self) -> dict[tuple[int, str], Received]:
        """Return the durable messages of the last 48 hours, by minute and source."""
        return self._log.counts()[0]

    def totals(self) -> dict[str, Received]:
        """Return all durable messages ever, by source."""
        return self._log.counts()[1]

    def high_watermark(self) -> int:
        """Return the position up to which everything is synced."""
        return self._log.end

    def unread_bytes(self) -> int:
        """Return the bytes that the slowest consumer has not read yet."""
        self._check_consumers()
        return max(0, self._log.end + self._pending_bytes - self._unread_from)

    def not_ready_reason(self) -> str:
        """Return the reason that no message is accepted, or an empty text."""
        if self.unread_bytes() >= self._max_unread_bytes:
            return FULL
        if self._pending_bytes >= MAX_PENDING_BYTES:
            return SLOW
        return self._check_disk() or ("the disk was full a moment ago" if time.monotonic() < self._no_space_until else "")

    def close(self) -> None:
        """Make accepted messages durable, save the ledger and close the files. The last futures complete in the loop's next iteration."""
        if self._is_closed:
            return
        self._is_closed = True
        self._submit_group()
        self._queue.put(None)
        self._thread.join()
        unlock(self._lock_fd)

    def _require_room(self) -> None:
        if self._is_closed:
            raise TopicFailed(f"{self._directory}: the topic is closed")
        least = self._log.end + self._pending_bytes - self._max_unread_bytes
        if least >= self._unread_from and time.monotonic() - self._checked_at > FULL_CHECK_INTERVAL_SECONDS:
            self._check_consumers()
        if least >= self._unread_from:
            raise TopicFull(FULL)
        if self._pending_bytes >= MAX_PENDING_BYTES:
            raise TopicFull(SLOW)
        if self._shortage and (shortage := self._check_disk()):
            raise TopicFull(shortage)

    def _check_disk(self) -> str:
        """Return the shortage of the disk, or an empty text; on a shortage, also delete released segments."""
        self._shortage = shortage = self._space.shortage()
        if shortage and (now := time.monotonic()) - self._deleted_at >= UPKEEP_INTERVAL_SECONDS:
            self._deleted_at = now
            self._queue.put(_Upkeep())
        return shortage

    def _check_consumers(self) -> None:
        self._unread_from, self._checked_at = self._log.unread_from(), time.monotonic()

    def _submit_group(self) -> None:
        if self._gathering:
            self._queue.put(self._gathering)
        else:
            self._is_writing = False
        self._gathering = None

    def _complete(self, group: _Group) -> None:
        self._submit_group()
        self._pending_bytes -= group.size
        if group.error is None:
            group.durable.set_result(None)
            return
        group.durable.set_exception(group.error)
        group.durable.exception()  # marked as retrieved: the sender may have gone
        if isinstance(group.error, TopicFailed) and not self._is_failure_reported:
            self._is_failure_reported = True
            group.durable.get_loop().call_soon(
                self._on_failure, group.error
            )  # after the futures of the waiting senders, so that these respond first

    def _write_groups(self) -> None:
        upkeep_at, failure = 0.0, None
        while group := self._next_group():
            if isinstance(group, _Upkeep):
                if failure is None:
                    with suppress(NoSpace, OSError):
                        self._log.clean_up()
                continue
            is_upkeep_due = time.monotonic() >= upkeep_at
            failure = failure or self._write_group(group, is_upkeep_due=is_upkeep_due)
            upkeep_at = time.monotonic() + UPKEEP_INTERVAL_SECONDS if is_upkeep_due else upkeep_at
            group.error = group.error or failure
            with suppress(RuntimeError):  # the loop is closed, nothing waits
                group.durable.get_loop().call_soon_threadsafe(self._complete, group)
        with suppress(NoSpace, OSError):  # durable messages stay; the next start counts the ledger again
            self._log.close(is_sound=failure is None)

    def _next_group(self) -> _Group | _Upkeep | None:
        try:
            return self._queue.get(timeout=self._quiet_seconds)
        except Empty:
            return _Upkeep()

    def _write_group(self, group: _Group, *, is_upkeep_due: bool) -> TopicFailed | None:
        """Store a group; return the failure after which nothing may be written."""
        try:
            if is_upkeep_due:
                self._log.delete_released()
            if group.frames:
                self._log.store(group.frames, group.counts)
                self._shortage = self._space.shortage(group.size)
        except NoSpace as error:
            group.error = TopicFull("the disk is full")
            if time.monotonic() >= self._no_space_until:  # not logged a moment ago
                log.warning("the disk is full", directory=str(self._directory), error=str(error))
            self._no_space_until = time.monotonic() + NO_SPACE_SECONDS
            with suppress(OSError):
                self._log.delete_released()  # the only space that headrace can free
        except BaseException as error:  # noqa: BLE001  (whatever the error is, nothing of this group is acknowledged)
            self._log.give_up()
            failure = TopicFailed(f"{self._directory}: a write or a sync failed, no more messages are accepted: {error!r}")
            failure.__cause__ = error
            return failure
        else:
            self._no_space_until = 0.0
        return None
