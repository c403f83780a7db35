"""The throughput of a local topic, compared with the disk alone in the same run.

`python -m bench.topic [--directory DIRECTORY] [--seconds SECONDS]`
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from topics.local.frame import encode
from topics.local.reader import LocalReader
from topics.local.writer import LocalTopic
from topics.topic import Kind, Message

GROUPS = (1, 10, 100)
ROUNDS = 3


def a_message(number: int) -> Message:
    return Message(Kind.EVENT, 1_700_000_000_000, "browser", b"0af7651916cd43dd", f"{number:032x}", b"v" * 400)


def rate(step: Callable[[], object], seconds: float) -> float:
    """Steps per second."""
    started, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        step()
        steps += 1
    return steps / passed


def bare(directory: Path, content: bytes, seconds: float) -> float:
    """Groups per second of the disk alone: one write and one sync each."""
    fd = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    place = 0

    def step() -> None:
        nonlocal place
        place += os.pwrite(fd, content, place)
        os.fdatasync(fd)

    try:
        return rate(step, seconds)
    finally:
        os.close(fd)


async def appended(topic: LocalTopic, group: list[Message], seconds: float) -> float:
    """Groups per second that the topic acknowledges, one after the other."""
    started, groups = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        await topic.append(group)
        groups += 1
    return groups / passed


async def visited(topic: LocalTopic, visitors: int, seconds: float) -> float:
    """Messages per second when concurrent visitors append one message at a time and wait for it, as the collector's connections do."""
    until, count = time.perf_counter() + seconds, 0

    async def visit(message: Message) -> None:
        nonlocal count
        while time.perf_counter() < until:
            await topic.append([message])
            count += 1

    await asyncio.gather(*(visit(a_message(number)) for number in range(visitors)))
    return count / seconds


async def append_microseconds(topic: LocalTopic) -> float:
    """The cost of one message on the event loop: its frame, its group, its count."""
    messages, best = [a_message(number) for number in range(2000)], float("inf")
    for _ in range(5):
        started = time.thread_time()
        futures = [topic.append([message]) for message in messages]
        best = min(best, (time.thread_time() - started) / len(messages) * 1e6)
        await futures[-1]
    return best


def read_rate(directory: Path) -> float:
    """Messages per second of a reader."""
    reader = LocalReader.open(directory, "bench")
    started, position, count = time.perf_counter(), 0, 0
    while found := reader.read(position, 5000):
        position, count = found[-1].next_position, count + len(found)
    passed = time.perf_counter() - started
    reader.close()
    return count / passed


async def measure(directory: Path, seconds: float) -> None:
    topic = LocalTopic.open(directory / "topic", max_unread_bytes=1 << 40, on_failure=print)
    for size in GROUPS:
        group = [a_message(number) for number in range(size)]
        content = b"".join(map(encode, group))
        pairs = [(bare(directory, content, seconds), await appended(topic, group, seconds)) for _ in range(ROUNDS)]
        raw, durable = (sorted(column)[ROUNDS // 2] for column in zip(*pairs, strict=True))
        print(f"groups of {size:3}: bare {raw * size:9,.0f} messages/s, topic {durable * size:9,.0f}, ratio {durable / raw:.2f}")
    for visitors in (16, 64, 256):
        print(f"{visitors:3} waiting for one each: {await visited(topic, visitors, seconds):9,.0f} messages/s")
    print(f"append, event loop's side: {await append_microseconds(topic):.2f} µs a message")
    topic.close()
    print(f"read: {read_rate(directory / 'topic'):,.0f} messages/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="where to make the files; the disk is what is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        asyncio.run(measure(Path(directory), options.seconds))


if __name__ == "__main__":
    main()
