"""Messages with good defaults, topics written to and read in a line, and a topic in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from topics.local.log import REAL_DISK, Disk
from topics.local.reader import LocalReader
from topics.local.segments import SegmentReader, segment_bases, segment_path
from topics.local.writer import LocalTopic
from topics.topic import Damage, Entry, Kind, Message

MINUTE = 28_333_333 * 60_000  # a minute of November 2023, as milliseconds since 1970


def a_message(
    event_id: str = "0af7651916cd43dd8448eb211c80319c",
    *,
    value: bytes = b"a record",
    key: bytes = b"a-party",
    source: str = "browser",
    received_at: int = MINUTE,
) -> Message:
    return Message(Kind.EVENT, received_at, source, key, event_id, value)


def a_rejection(reason: str = "invalid_event_id", *, source: str = "browser", received_at: int = MINUTE, detail: bytes = b"{}") -> Message:
    return Message(Kind.REJECTION, received_at, source, reason.encode(), "", detail)


def messages(count: int, *, first: int = 0, value: bytes = b"a record") -> list[Message]:
    """Messages with the ids 0, 1, 2, ..., in 32 digits."""
    return [a_message(f"{number:032x}", value=value) for number in range(first, first + count)]


def no_failure(error: BaseException) -> NoReturn:
    """The on_failure of a topic that must not fail."""
    raise AssertionError(f"the topic failed: {error!r}")


def fill(path: Path, taken: Iterable[Message], *, segment_bytes: int = 1 << 26) -> None:
    """Open the topic as its writer, append each message in a group of its own, close it."""

    async def write() -> None:
        topic = LocalTopic.open(path, segment_bytes=segment_bytes, on_failure=no_failure, now=lambda: MINUTE / 1000)
        for message in taken:
            await topic.append([message])
        topic.close()

    asyncio.run(write())


def read_from(reader: LocalReader, position: int, *, at_once: int = 1000) -> list[Entry | Damage]:
    """Return everything that a reader returns from a position to the end."""
    found: list[Entry | Damage] = []
    while more := reader.read(position, at_once):
        found += more
        position = more[-1].next_position
    return found


def whole(found: Iterable[Entry | Damage]) -> list[Message]:
    """The messages among entries and damage."""
    return [one.message for one in found if isinstance(one, Entry)]


def read_all(path: Path) -> list[Message]:
    """All messages of a topic; damage fails the test."""
    return [entry.message for entry in read_entries(path)]


def read_entries(path: Path) -> list[Entry]:
    """All entries of a topic, read without registering a reader; damage fails the test."""
    found = stored(path)
    entries = [one for one in found if isinstance(one, Entry)]
    assert len(entries) == len(found), f"damage: {[one for one in found if isinstance(one, Damage)]}"
    return entries


def stored(path: Path) -> list[Entry | Damage]:
    """The content of the files, published as durable or not."""
    bases = segment_bases(path)
    limit = bases[-1] + segment_path(path, bases[-1]).stat().st_size if bases else 0
    reader = SegmentReader(path)
    try:
        found: list[Entry | Damage] = []
        while more := reader.read(found[-1].next_position if found else 0, limit, 1000):
            found += more
        return found
    finally:
        reader.close()


def a_topic(
    path: Path,
    *,
    max_unread_bytes: int = 1 << 30,
    segment_bytes: int = 1 << 26,
    on_failure: Callable[[BaseException], None] = no_failure,
    disk: Disk = REAL_DISK,
    now: float = MINUTE / 1000,
) -> LocalTopic:
    """A topic open for writing, at the time of the messages, that must not fail."""
    return LocalTopic.open(
        path, max_unread_bytes=max_unread_bytes, segment_bytes=segment_bytes, on_failure=on_failure, disk=disk, now=lambda: now
    )


def with_topic(topic: LocalTopic, work: Callable[[LocalTopic], Awaitable[None]]) -> None:
    """Do some work with a topic in an event loop, and close it."""

    async def main() -> None:
        try:
            await work(topic)
        finally:
            topic.close()
            await asyncio.sleep(0)  # the last groups are reported in the next iteration of the loop

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Wait in an event loop for a thread or another process."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in a thread, or in the kernel)
            await asyncio.sleep(0.001)


class MemoryTopic:
    """A topic without files: appended messages are durable at once, and positions count messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        self.messages += messages
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]:
        found = self.messages[position : position + max_messages]
        return [Entry(number, number + 1, message) for number, message in enumerate(found, position)]

    def release(self, position: int) -> None:
        """Keep everything: a test looks at it afterwards."""
