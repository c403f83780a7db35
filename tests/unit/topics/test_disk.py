"""A disk that is full makes the topic wait; one that fails ends it; neither loses what was acknowledged."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.topics.in_memory import MINUTE, a_topic, fill, messages, read_all, stored, until, with_topic

from topics.ledger import Received
from topics.local.log import Disk
from topics.local.writer import LocalTopic
from topics.topic import TopicFailed, TopicFull


class FullDisk:
    """A disk that the kernel reports as full until space is freed."""

    def __init__(self) -> None:
        self.is_full = True
        self.full = os.open("/dev/full", os.O_WRONLY)

    def write(self, fd: int, content: bytes, offset: int) -> int:
        if not self.is_full:
            return os.pwrite(fd, content, offset)
        os.pwrite(fd, content[: len(content) // 2], offset)  # half of it still fitted
        return os.write(self.full, content)


class FailingDisk:
    """A disk that fails to sync at the nth time, and lies ever after: as Linux does."""

    def __init__(self, fails_at: int) -> None:
        self.fails_at, self.syncs = fails_at, 0

    def sync(self, fd: int) -> None:
        self.syncs += 1
        if self.syncs == self.fails_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(fd)


@pytest.fixture
def full_disk() -> Iterator[FullDisk]:
    disk = FullDisk()
    yield disk
    os.close(disk.full)


@pytest.fixture
def fill_for_ledger(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Simulate a full disk for the next write of a ledger, and for nothing else."""
    sync = os.fsync

    def fill_disk() -> None:
        monkeypatch.setattr(os, "fsync", full)

    def full(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().name == "ledger.json.new":
            monkeypatch.setattr(os, "fsync", sync)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(fd)

    return fill_disk


def test_a_full_disk_refuses_a_group_and_continues_when_there_is_room(tmp_path: Path, full_disk: FullDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        with pytest.raises(TopicFull, match="the disk is full"):
            await topic.append(messages(5))
        assert topic.unread_bytes() == 0
        assert stored(tmp_path) == []
        full_disk.is_full = False
        await topic.append(messages(5, first=5))

    with_topic(a_topic(tmp_path, disk=Disk(write=full_disk.write)), work)
    assert read_all(tmp_path) == messages(5, first=5)


def test_a_full_disk_leaves_what_was_durable(tmp_path: Path, full_disk: FullDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        full_disk.is_full = False
        await topic.append(messages(5))
        full_disk.is_full = True
        with pytest.raises(TopicFull):
            await topic.append(messages(5, first=5))
        assert read_all(tmp_path) == messages(5)

    with_topic(a_topic(tmp_path, disk=Disk(write=full_disk.write)), work)


def test_a_failed_sync_fails_its_group_and_all_that_follow_and_is_never_tried_again(tmp_path: Path) -> None:
    disk, failures = FailingDisk(fails_at=2), list[BaseException]()

    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(5))
        with pytest.raises(TopicFailed, match="Input/output error"):
            await topic.append(messages(5, first=5))
        with pytest.raises(TopicFailed):
            await topic.append(messages(5, first=10))
        await until(lambda: len(failures) == 1)

    with_topic(a_topic(tmp_path, disk=Disk(sync=disk.sync), on_failure=failures.append), work)
    assert disk.syncs == 2
    assert isinstance(failures[0].__cause__, OSError)
    assert len(failures) == 1


def test_a_disk_that_is_full_only_at_the_sync_has_failed(tmp_path: Path) -> None:
    def sync(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def work(topic: LocalTopic) -> None:
        with pytest.raises(TopicFailed, match="No space left"):
            await topic.append(messages(5))
        await asyncio.sleep(0)

    with_topic(a_topic(tmp_path, disk=Disk(sync=sync), on_failure=lambda _: None), work)


def test_after_a_failed_sync_the_next_start_has_exactly_what_was_acknowledged(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(5))
        with pytest.raises(TopicFailed):
            await topic.append(messages(5, first=5))

    with_topic(a_topic(tmp_path, disk=Disk(sync=FailingDisk(fails_at=2).sync), on_failure=lambda _: None), work)
    topic = a_topic(tmp_path)
    assert topic.recovered.torn_bytes == 0
    assert topic.ledger() == {(MINUTE, "browser"): Received(5)}
    topic.close()
    assert read_all(tmp_path) == messages(5)


def test_a_disk_that_is_full_for_the_ledger_refuses_the_group_that_begins_a_segment(
    tmp_path: Path, fill_for_ledger: Callable[[], None]
) -> None:
    """A segment is finished only with its snapshot; the topic continues when the snapshot can be written."""

    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(10))
        fill_for_ledger()
        with pytest.raises(TopicFull, match="the disk is full"):
            await topic.append(messages(10, first=10))
        assert not (tmp_path / "ledger.json.new").exists()
        await topic.append(messages(10, first=10))

    with_topic(a_topic(tmp_path, segment_bytes=1000), work)
    assert read_all(tmp_path) == messages(20)


def test_a_full_disk_at_the_start_keeps_the_older_snapshot(tmp_path: Path, fill_for_ledger: Callable[[], None]) -> None:
    fill(tmp_path, messages(10))
    snapshot = (tmp_path / "ledger.json").read_bytes()
    fill(tmp_path, messages(10, first=10))
    (tmp_path / "ledger.json").write_bytes(snapshot)
    fill_for_ledger()

    async def work(topic: LocalTopic) -> None:
        assert (tmp_path / "ledger.json").read_bytes() == snapshot
        assert topic.totals() == {"browser": Received(20)}
        await topic.append(messages(1, first=20))

    with_topic(a_topic(tmp_path), work)
    assert read_all(tmp_path) == messages(21)


def test_a_segment_that_cannot_be_made_fails_the_topic(tmp_path: Path) -> None:
    failures = list[BaseException]()

    async def work(topic: LocalTopic) -> None:
        (tmp_path / f"{0:020d}.segment").write_bytes(b"not ours")
        with pytest.raises(TopicFailed, match="File exists"):
            await topic.append(messages(1))
        await until(lambda: len(failures) == 1)

    with_topic(a_topic(tmp_path, on_failure=failures.append), work)
    assert (tmp_path / f"{0:020d}.segment").read_bytes() == b"not ours"


def test_the_queue_for_a_slow_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topics.local.writer.MAX_PENDING_BYTES", 10_000)
    released = threading.Event()

    def sync(fd: int) -> None:
        released.wait(10)
        os.fdatasync(fd)

    async def work(topic: LocalTopic) -> None:
        waiting: list[asyncio.Future[None]] = []
        while not topic.not_ready_reason():
            waiting.append(topic.append(messages(1, first=len(waiting), value=bytes(1000))))
            await asyncio.sleep(0)
        assert 9 <= len(waiting) <= 10
        with pytest.raises(TopicFull, match="the disk does not keep up"):
            topic.append(messages(1))
        released.set()
        await asyncio.gather(*waiting)
        assert topic.not_ready_reason() == ""
        await topic.append(messages(1))

    with_topic(a_topic(tmp_path, disk=Disk(sync=sync)), work)
