"""A topic under any order of appends, reads, releases, restarts, failing and full disks is a list with positions."""

import asyncio
import errno
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.topics.in_memory import MINUTE, read_from, stored, whole

from topics.ledger import ReceivedCounts, count
from topics.local.log import Disk
from topics.local.reader import LocalReader
from topics.local.segments import segment_bases, segment_path
from topics.local.writer import LocalTopic
from topics.topic import Entry, Kind, Message, TopicFailed, TopicFull

a_group = st.lists(
    st.builds(
        Message,
        kind=st.sampled_from([Kind.EVENT, Kind.REJECTION]),
        received_at=st.integers(MINUTE, MINUTE + 200_000),
        source=st.sampled_from(["browser", "replay"]),
        key=st.sampled_from([b"", b"party", b"invalid_text"]),
        event_id=st.text("0123456789abcdef", max_size=4),
        value=st.binary(max_size=120),
    ),
    min_size=1,
    max_size=6,
)


class ChangingDisk:
    """A real disk that a test can make full or failing."""

    write_error = sync_error = 0

    def write(self, fd: int, content: bytes, offset: int) -> int:
        if self.write_error:
            os.pwrite(fd, content[:7], offset)
            raise OSError(self.write_error, os.strerror(self.write_error))
        return os.pwrite(fd, content, offset)

    def sync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        os.fdatasync(fd)


class TopicMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.disk = ChangingDisk()
        self.loop = asyncio.new_event_loop()
        self.acknowledged: list[Message] = []
        self.counts: ReceivedCounts = {}
        self.read: dict[str, int] = {}  # how many messages each reader has read, and released
        self.released: dict[str, int] = {}
        self.readers: dict[str, LocalReader] = {}
        self.topic = self.opened()

    def opened(self) -> LocalTopic:
        disk = Disk(self.disk.write, self.disk.sync)
        return LocalTopic.open(self.path, segment_bytes=400, on_failure=lambda _: None, disk=disk, now=lambda: MINUTE / 1000)

    def append(self, group: list[Message]) -> None:
        async def wait() -> None:
            await self.topic.append(group)

        self.loop.run_until_complete(wait())

    @initialize()
    def a_reader_from_the_start(self) -> None:
        self.a_reader_opens("first")

    def a_reader_opens(self, name: str) -> None:
        self.readers[name] = LocalReader.open(self.path, name)
        self.read[name] = self.released.setdefault(name, 0)

    @rule(group=a_group)
    def a_group_is_acknowledged(self, group: list[Message]) -> None:
        self.append(group)
        self.acknowledged += group
        for message in group:
            count(self.counts, message)

    @rule(group=a_group)
    def the_disk_is_full(self, group: list[Message]) -> None:
        self.disk.write_error = errno.ENOSPC
        try:
            self.append(group)
            raise AssertionError("acknowledged on a full disk")
        except TopicFull:
            self.disk.write_error = 0

    @rule(group=a_group, is_write=st.booleans())
    def the_disk_fails_and_the_process_starts_again(self, group: list[Message], is_write: bool) -> None:
        self.disk.write_error, self.disk.sync_error = (errno.EIO, 0) if is_write else (0, errno.EIO)
        try:
            self.append(group)
            raise AssertionError("acknowledged on a failing disk")
        except TopicFailed:
            self.disk.write_error = self.disk.sync_error = 0
        self.topic.close()
        self.topic = self.opened()

    @rule()
    def the_writer_starts_again(self) -> None:
        self.topic.close()
        self.topic = self.opened()
        assert self.topic.recovered.counted == 0

    @rule(tail=st.binary(min_size=1, max_size=200))
    def the_writer_starts_again_on_a_torn_tail(self, tail: bytes) -> None:
        self.topic.close()
        bases = segment_bases(self.path)
        if bases:
            with segment_path(self.path, bases[-1]).open("ab") as file:
                file.write(tail)
        self.topic = self.opened()
        assert self.topic.recovered.torn_bytes == (len(tail) if bases else 0)

    @rule()
    def a_second_reader_opens(self) -> None:
        if "second" not in self.readers:
            kept = len([one for one in stored(self.path) if isinstance(one, Entry)])
            self.released["second"] = len(self.acknowledged) - kept
        self.a_reader_opens("second")

    @rule(name=st.sampled_from(["first", "second"]), at_once=st.integers(1, 20))
    def a_reader_reads_on_and_releases(self, name: str, at_once: int) -> None:
        if name not in self.readers:
            return
        reader = self.readers[name]
        found = reader.read(reader.position, at_once)
        expected = self.acknowledged[self.read[name] :][:at_once]
        assert whole(found) == expected
        if found:
            reader.release(found[-1].next_position)
            self.read[name] += len(found)
            self.released[name] = self.read[name]

    @rule(name=st.sampled_from(["first", "second"]))
    def a_reader_starts_again(self, name: str) -> None:
        if name in self.readers:
            self.readers[name].close()
            self.a_reader_opens(name)

    @invariant()
    def what_no_reader_has_passed_is_there(self) -> None:
        for name, reader in self.readers.items():
            found = whole(read_from(reader, reader.position))
            assert found == self.acknowledged[self.read[name] :]
            assert reader.damaged == 0

    @invariant()
    def the_ledger_is_exact(self) -> None:
        assert self.topic.ledger() == self.counts

    def teardown(self) -> None:
        self.topic.close()
        for reader in self.readers.values():
            reader.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        shutil.rmtree(self.path)


TopicMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
TestAnyOrder = TopicMachine.TestCase
