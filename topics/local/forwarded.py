"""A local topic whose messages are durable once they are on Kafka too: losing the machine loses nothing that was acknowledged."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from topics.ledger import Minute, Received
from topics.local.high_watermark import HighWatermark
from topics.local.writer import LocalTopic
from topics.topic import Message, TopicFull

FORWARDED = "forwarded"  # the file with the position before which Kafka has everything
POLL_INTERVAL_SECONDS = 0.002
NOT_FORWARDED = "the events are here but not on Kafka yet; is the forwarder running?"
ANSWER_SECONDS = 10.0  # a visitor waits: after this time the sender must retry the batch


class ForwardedTopic:
    """Appends to a local topic and waits for its forwarder; polls its position only while a message waits."""

    def __init__(self, topic: LocalTopic, directory: Path, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._topic, self._answer_seconds = topic, answer_seconds
        self._forwarded = HighWatermark(directory, FORWARDED, create=True)
        self._waiting: deque[tuple[int, float, asyncio.Future[None]]] = deque()  # end, deadline, future
        self._watch: asyncio.Task[None] | None = None
        self._late_end = 0  # end of the last group that was not on Kafka in time

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Append all messages or none; the future completes when Kafka has them. Raises TopicFull, at once or by the future."""
        return asyncio.ensure_future(self._wait_until_forwarded(self._topic.append(messages)))

    def ledger(self) -> Mapping[Minute, Received]:
        """Return the messages that are durable on this machine, by minute and source."""
        return self._topic.ledger()

    def unread_bytes(self) -> int:
        """Return the bytes that the slowest consumer has not read yet."""
        return self._topic.unread_bytes()

    def not_ready_reason(self) -> str:
        """Return the reason that no message is accepted, or an empty text."""
        return self._topic.not_ready_reason() or (NOT_FORWARDED if self._forwarded.read() < self._late_end else "")

    def close(self) -> None:
        """Close the local topic; appends that still wait raise TopicFull."""
        if self._watch:
            self._watch.cancel()
        self._expire(float("inf"))
        self._topic.close()
        self._forwarded.close()

    async def _wait_until_forwarded(self, durable: asyncio.Future[None]) -> None:
        await durable
        end = self._topic.high_watermark()
        if self._forwarded.read() >= end:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, time.monotonic() + self._answer_seconds, done))
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._poll())
        await done

    async def _poll(self) -> None:
        while self._waiting:
            await asyncio.sleep(POLL_INTERVAL_SECONDS)
            forwarded = self._forwarded.read()
            while self._waiting and self._waiting[0][0] <= forwarded:
                done = self._waiting.popleft()[2]
                if not done.done():  # the caller has gone
                    done.set_result(None)
            self._expire(time.monotonic())

    def _expire(self, now: float) -> None:
        while self._waiting and self._waiting[0][1] <= now:
            self._late_end, _, done = self._waiting.popleft()
            if not done.done():
                done.set_exception(TopicFull(NOT_FORWARDED))
