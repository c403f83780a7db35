"""The part of a disk that a topic leaves free."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.topics.in_memory import a_topic, messages, read_all, until, with_topic

from topics.local import disk_space
from topics.local.disk_space import DiskSpace
from topics.local.frame import stored_bytes
from topics.local.reader import LocalReader
from topics.local.writer import LocalTopic
from topics.topic import TopicFull

BLOCK, GIB = 4096, 1 << 30


def a_disk(free: Callable[[], int], whole: int = 100 * GIB) -> Callable[[Path], os.statvfs_result]:
    """A disk that reports its free space."""
    return lambda _: os.statvfs_result((BLOCK, BLOCK, whole // BLOCK, 0, free() // BLOCK, 0, 0, 0, 0, 255))


@pytest.mark.parametrize(
    ("whole", "free", "is_short"),
    [(10 * GIB, GIB, False), (10 * GIB, GIB - BLOCK, True), (100 * GIB, 5 * GIB, False), (100 * GIB, 5 * GIB - BLOCK, True)],
)
def test_the_reserve_is_a_gibibyte_or_a_twentieth_of_the_disk(tmp_path: Path, whole: int, free: int, *, is_short: bool) -> None:
    assert bool(DiskSpace(tmp_path, None, a_disk(lambda: free, whole)).shortage()) is is_short


@pytest.mark.parametrize(("reserve", "is_short"), [(0, False), (1000 * BLOCK, False), (1001 * BLOCK, True)])
def test_the_reserve_can_be_set(tmp_path: Path, reserve: int, *, is_short: bool) -> None:
    assert bool(DiskSpace(tmp_path, reserve, a_disk(lambda: 1000 * BLOCK)).shortage()) is is_short


def test_a_real_disk_is_asked_and_one_that_does_not_answer_is_not_a_shortage(tmp_path: Path) -> None:
    assert "kept in reserve" in DiskSpace(tmp_path, 1 << 60).shortage()
    assert DiskSpace(tmp_path / "absent", 1 << 60).shortage() == ""


def test_the_disk_is_asked_once_a_second_and_after_every_mib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 1000.0, list[float]()

    def free() -> int:
        asked.append(now)
        return GIB

    monkeypatch.setattr("topics.local.disk_space.time.monotonic", lambda: now)
    space = DiskSpace(tmp_path, 1, a_disk(free))
    for _ in range(1000):
        space.shortage(1 << 10)
    assert len(asked) == 1
    space.shortage(1 << 16)
    assert len(asked) == 2
    now += 1
    space.shortage()
    assert asked[2:] == [1001.0]


def test_below_the_reserve_nothing_is_taken_reading_continues_and_what_was_read_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def free() -> int:
        return 200_000 - sum(path.stat().st_size for path in tmp_path.glob("*.segment"))

    space = DiskSpace(tmp_path, 100_000, a_disk(free))
    monkeypatch.setattr(disk_space, "CHECK_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr("topics.local.writer.UPKEEP_INTERVAL_SECONDS", 0.0)

    async def work(topic: LocalTopic) -> None:
        topic._space = space
        reader = LocalReader.open(tmp_path, "converter")
        sent = 0
        while not (reason := topic.not_ready_reason()):
            await topic.append(messages(1, first=sent, value=bytes(1000)))
            sent += 1
        assert reason.startswith("the disk is almost full")
        assert 80 < sent < 110
        with pytest.raises(TopicFull, match=reason):
            topic.append(messages(1, first=sent))
        entries = reader.read(0, 1000)
        assert len(entries) == sent
        reader.release(entries[-1].next_position)
        await until(lambda: not topic.not_ready_reason())
        await topic.append(messages(1, first=sent))
        assert topic.not_ready_reason() == ""

    with_topic(a_topic(tmp_path, segment_bytes=5000), work)


def test_the_bytes_that_are_charged_are_those_of_the_file(tmp_path: Path) -> None:
    sent = messages(50, value=bytes(77))

    async def work(topic: LocalTopic) -> None:
        await topic.append(sent)
        begun = topic.high_watermark()
        await topic.append(sent)
        assert topic.high_watermark() - begun == stored_bytes(sent)

    with_topic(a_topic(tmp_path), work)
    assert len(read_all(tmp_path)) == 100
