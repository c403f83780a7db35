"""The local topic: durable before the answer, one sync a group, bounded, one writer."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.topics.in_memory import (
    MINUTE,
    a_message,
    a_rejection,
    a_topic,
    fill,
    messages,
    no_failure,
    read_all,
    read_from,
    stored,
    until,
    with_topic,
)
from support.waiting import wait_until

from topics.ledger import Received
from topics.local.log import SEGMENT_SECONDS, Disk
from topics.local.reader import LocalReader, tail
from topics.local.segments import segment_bases
from topics.local.writer import FULL, LocalTopic
from topics.topic import TopicFailed, TopicFull, TopicInUse


class SlowDisk:
    """A real disk whose sync waits until the test releases it."""

    def __init__(self) -> None:
        self.syncs = 0
        self.read, self.write = os.pipe()

    def sync(self, fd: int) -> None:
        self.syncs += 1
        os.read(self.read, 1)
        os.fdatasync(fd)

    def finish_sync(self) -> None:
        os.write(self.write, b".")


@pytest.fixture
def slow_disk() -> Iterator[SlowDisk]:
    disk = SlowDisk()
    yield disk
    os.close(disk.read)
    os.close(disk.write)


async def append_until_full(topic: LocalTopic) -> TopicFull:
    for message in messages(100):
        try:
            await topic.append([message])
        except TopicFull as error:
            return error
    raise AssertionError("the topic never said that it is full")


def test_an_acknowledged_message_can_be_read(tmp_path: Path) -> None:
    sent = [*messages(3), a_rejection()]

    async def work(topic: LocalTopic) -> None:
        await topic.append(sent[:3])
        await topic.append(sent[3:])
        assert read_all(tmp_path) == sent

    with_topic(a_topic(tmp_path), work)


def test_an_unsynced_message_is_not_read(tmp_path: Path, slow_disk: SlowDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        durable = topic.append(messages(1))
        await until(lambda: slow_disk.syncs == 1)
        assert len(stored(tmp_path)) == 1
        assert LocalReader.open(tmp_path, "converter").read(0, 10) == []
        assert not durable.done()
        slow_disk.finish_sync()
        await durable
        assert len(LocalReader.open(tmp_path, "converter").read(0, 10)) == 1

    with_topic(a_topic(tmp_path, disk=Disk(sync=slow_disk.sync)), work)


def test_appends_during_a_sync_share_the_next_one(tmp_path: Path, slow_disk: SlowDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        first = topic.append(messages(1))
        await until(lambda: slow_disk.syncs == 1)
        others = [topic.append([message]) for message in messages(50, first=1)]
        assert len(set(map(id, others))) == 1
        slow_disk.finish_sync()
        slow_disk.finish_sync()
        await first
        await others[0]
        assert slow_disk.syncs == 2
        assert len(read_all(tmp_path)) == 51

    with_topic(a_topic(tmp_path, disk=Disk(sync=slow_disk.sync)), work)


def test_a_caller_that_stops_waiting_does_not_cancel_the_others(tmp_path: Path, slow_disk: SlowDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        async def wait() -> None:
            await topic.append(messages(1))

        staying, leaving = asyncio.create_task(wait()), asyncio.create_task(wait())
        await until(lambda: slow_disk.syncs == 1)
        leaving.cancel()
        slow_disk.finish_sync()
        slow_disk.finish_sync()
        await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving

    with_topic(a_topic(tmp_path, disk=Disk(sync=slow_disk.sync)), work)


def test_appending_nothing_writes_nothing(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append([])
        assert segment_bases(tmp_path) == []

    with_topic(a_topic(tmp_path), work)


def test_a_message_that_fits_no_frame_leaves_nothing_of_its_group(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        with pytest.raises(ValueError, match="255 bytes"):
            topic.append([a_message(), a_message(key=b"k" * 256)])
        assert topic.unread_bytes() == 0

    with_topic(a_topic(tmp_path), work)


def test_closing_makes_durable_what_was_taken(tmp_path: Path) -> None:
    async def work() -> None:
        topic = a_topic(tmp_path)
        durable = topic.append(messages(5))
        topic.close()
        topic.close()
        await durable

    asyncio.run(work())
    assert len(read_all(tmp_path)) == 5


def test_a_topic_may_be_closed_after_its_loop(tmp_path: Path) -> None:
    async def work() -> LocalTopic:
        topic = a_topic(tmp_path)
        topic.append(messages(5))
        return topic

    asyncio.run(work()).close()
    assert len(read_all(tmp_path)) == 5


def test_a_closed_topic_takes_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        topic = a_topic(tmp_path)
        topic.close()
        with pytest.raises(TopicFailed, match="closed"):
            topic.append(messages(1))

    asyncio.run(work())


def test_a_second_writer_is_refused_with_the_process_that_holds_the_topic(tmp_path: Path) -> None:
    topic = a_topic(tmp_path)
    with pytest.raises(TopicInUse, match=f"process {os.getpid()} writes to this topic"):
        a_topic(tmp_path)
    topic.close()
    a_topic(tmp_path).close()


def test_a_topic_where_none_can_be_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TopicFailed, match="cannot be opened"):
        a_topic(tmp_path / "file" / "topic")


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(1))
        LocalReader.open(tmp_path / "topic", "converter")

    with_topic(a_topic(tmp_path / "topic"), work)
    paths = [tmp_path / "topic", *(tmp_path / "topic").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in paths} == {"0o700", "0o600"}


def test_the_ledger_counts_what_is_durable(tmp_path: Path, slow_disk: SlowDisk) -> None:
    async def work(topic: LocalTopic) -> None:
        durable = topic.append([*messages(3), a_rejection("invalid_text")])
        await until(lambda: slow_disk.syncs == 1)
        assert topic.ledger() == {}
        slow_disk.finish_sync()
        await durable
        assert topic.ledger() == {(MINUTE, "browser"): Received(4, {"invalid_text": 1})}
        assert topic.totals() == {"browser": Received(4, {"invalid_text": 1})}

    with_topic(a_topic(tmp_path, disk=Disk(sync=slow_disk.sync)), work)


def test_the_ledger_keeps_48_hours_of_minutes_and_all_totals(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append([a_message(), a_message(received_at=MINUTE + 60_000)])
        assert list(topic.ledger()) == [(MINUTE + 60_000, "browser")]
        assert topic.totals() == {"browser": Received(2)}

    with_topic(a_topic(tmp_path, now=MINUTE / 1000 + 48 * 3600 + 60), work)


def test_a_day_old_segment_is_followed_by_a_new_one_and_goes_once_it_is_read(tmp_path: Path) -> None:
    clock = [MINUTE / 1000]
    topic = LocalTopic.open(tmp_path, on_failure=no_failure, now=lambda: clock[0])
    reader = LocalReader.open(tmp_path, "converter")

    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(3))
        clock[0] += SEGMENT_SECONDS - 1
        await topic.append(messages(3))
        assert len(segment_bases(tmp_path)) == 1
        reader.release(reader.high_watermark())
        clock[0] += 1
        await topic.append(messages(1, value=b"of the next day"))

    with_topic(topic, work)
    assert [message.value for message in read_all(tmp_path)] == [b"of the next day"]


def test_on_a_quiet_site_a_day_old_segment_goes_once_it_is_read_though_nothing_is_written(tmp_path: Path) -> None:
    clock = [MINUTE / 1000]
    topic = LocalTopic.open(tmp_path, on_failure=no_failure, now=lambda: clock[0], quiet_seconds=0.01)
    reader = LocalReader.open(tmp_path, "converter")

    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(3))
        clock[0] += SEGMENT_SECONDS
        reader.release(reader.high_watermark())
        await asyncio.to_thread(wait_until, lambda: not segment_bases(tmp_path))
        await topic.append(messages(1, value=b"of the next day"))

    with_topic(topic, work)
    assert [message.value for message in read_all(tmp_path)] == [b"of the next day"]


def test_a_new_segment_begins_where_the_full_one_ends(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        for message in messages(100):
            await topic.append([message])

    with_topic(a_topic(tmp_path, segment_bytes=1000), work)
    bases = segment_bases(tmp_path)
    assert len(bases) > 5
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.segment"))]
    assert max(sizes) <= 1000
    assert bases[1:] == [base + size for base, size in zip(bases, sizes, strict=True)][:-1]
    assert read_all(tmp_path) == messages(100)


def test_unread_bytes_have_a_bound_and_reading_makes_room(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        reader = LocalReader.open(tmp_path, "converter")
        assert 5 <= (await append_until_full(topic)).retry_after_seconds <= 30
        taken = read_from(reader, 0)
        assert 2000 <= topic.unread_bytes() < 2000 + 100  # the message that reaches the bound is the last that is taken
        assert topic.not_ready_reason() == FULL
        reader.release(taken[-1].next_position)

        def is_taken() -> bool:
            try:
                topic.append(messages(1, first=100))
            except TopicFull:
                return False
            return True

        await until(is_taken)
        await until(lambda: len(read_from(reader, reader.position)) == 1)

    with_topic(a_topic(tmp_path, max_unread_bytes=2000), work)


def test_without_readers_the_bound_counts_from_the_first_byte_kept(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await append_until_full(topic)

    with_topic(a_topic(tmp_path, max_unread_bytes=2000), work)
    assert 10 < len(read_all(tmp_path)) < 100


def test_only_what_every_reader_has_passed_is_deleted(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        quick, slow = LocalReader.open(tmp_path, "quick"), LocalReader.open(tmp_path, "slow")
        for message in messages(100):
            await topic.append([message])
        entries = read_from(quick, 0)
        quick.release(entries[-1].next_position)
        slow.release(entries[50].next_position)

    with_topic(a_topic(tmp_path, segment_bytes=500), work)
    a_topic(tmp_path).close()
    kept = read_all(tmp_path)
    assert 49 <= len(kept) < 60
    assert kept == messages(100)[-len(kept) :]


def test_without_readers_nothing_is_deleted(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path, messages(20), segment_bytes=300)
    assert read_all(tmp_path) == messages(20) * 3


def test_a_tail_begins_at_the_end_and_holds_nothing_back(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(5))
        follower = tail(tmp_path)
        assert follower.read(follower.position, 10) == []
        await topic.append(messages(2, first=5))
        assert [one.message for one in follower.read(follower.position, 10)] == messages(2, first=5)  # type: ignore[union-attr]
        assert not (tmp_path / "readers").exists()
        follower.close()

    with_topic(a_topic(tmp_path), work)


def test_a_long_reading_is_given_in_parts(tmp_path: Path) -> None:
    fill(tmp_path, messages(40, value=bytes(1 << 20)))
    reader = LocalReader.open(tmp_path, "converter")
    assert 10 < len(reader.read(0, 1000)) < 30
    assert len(read_from(reader, 0)) == 40


def test_while_it_runs_a_topic_deletes_what_its_readers_have_passed(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        reader = LocalReader.open(tmp_path, "converter")
        for message in messages(100):
            await topic.append([message])
            found = reader.read(reader.position, 10)
            reader.release(found[-1].next_position)
        assert len(segment_bases(tmp_path)) <= 2

    with_topic(a_topic(tmp_path, segment_bytes=500), work)
