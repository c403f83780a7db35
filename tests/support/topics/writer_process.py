"""A process that appends to a topic as fast as it can, and prints what was acknowledged.

`python -m support.topics.writer_process DIRECTORY FIRST_ID SEGMENT_BYTES [LARGEST_FILE_BYTES]`
"""

import asyncio
import resource
import sys
from pathlib import Path

from support.topics.in_memory import MINUTE, a_message, a_rejection

from topics.local.writer import LocalTopic
from topics.topic import Message, TopicFailed

VISITORS = 16


def numbered(number: int) -> Message:
    """Return the message with a number: of one of two sources and three minutes, every tenth a rejection."""
    received_at, source = MINUTE + number % 3 * 60_000, "replay" if number % 7 == 0 else "browser"
    detail = b"%d" % number
    if number % 10 == 0:
        return a_rejection("invalid_text", source=source, received_at=received_at, detail=detail)
    return a_message(f"{number:032x}", source=source, received_at=received_at, value=detail + b" " + bytes(number % 300))


async def write(directory: Path, first: int, segment_bytes: int) -> None:
    topic = LocalTopic.open(directory, segment_bytes=segment_bytes, on_failure=lambda error: None, now=lambda: MINUTE / 1000)
    print("open", topic.recovered.damaged, flush=True)
    following = first

    async def visit() -> None:
        nonlocal following
        while True:
            numbers = range(following, following + 1 + following % 3)
            following = numbers.stop
            await topic.append([numbered(number) for number in numbers])
            sys.stdout.write("".join(f"{number}\n" for number in numbers))
            sys.stdout.flush()

    try:
        await asyncio.gather(*(visit() for _ in range(VISITORS)))
    except TopicFailed as error:
        print("failed", error, flush=True)
        topic.close()


if __name__ == "__main__":
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))  # coverage has a file to write
