"""A local topic whose messages count as durable once they are on Kafka too: machine loss costs nothing that was acknowledged."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from topics.ledger import Minute, Received
from topics.local.high_watermark import HighWatermark
from topics.local.writer import LocalTopic
from topics.topic import Message, TopicFull

FORWARDED = "forwarded"  # the file in which the forwarder says how far Kafka has the topic
LOOK_SECONDS = 0.002
NOT_FORWARDED = "the events are here but not on Kafka yet; is the forwarder running?"
ANSWER_SECONDS = 10.0  # a visitor waits: after this time the same batch is asked for again


class ForwardedTopic:
    """Appends to a local topic and waits for its forwarder; looks at how far that is only while somebody waits."""

    def __init__(self, topic: LocalTopic, directory: Path, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._topic, self._answer_seconds = topic, answer_seconds
        self._forwarded = HighWatermark(directory, FORWARDED, create=True)
        self._waiting: deque[tuple[int, float, asyncio.Future[None]]] = deque()  # end, when to give up, who
        self._watch: asyncio.Task[None] | None = None
        self._late_end = 0  # of the last that was not on Kafka in time

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Take messages, all or none; the future is done when Kafka has them. Raises TopicFull, now or by the future."""
        return asyncio.ensure_future(self._be_forwarded(self._topic.append(messages)))

    def ledger(self) -> Mapping[Minute, Received]:
        """Give what came in and is durable here, by minute and source."""
        return self._topic.ledger()

    def unread_bytes(self) -> int:
        """Give how much the slowest registered reader still has before it."""
        return self._topic.unread_bytes()

    def not_ready_reason(self) -> str:
        """Why nothing is taken; empty when it is."""
        return self._topic.not_ready_reason() or (NOT_FORWARDED if self._forwarded.read() < self._late_end else "")

    def close(self) -> None:
        """Close the local topic; whoever still waits is told to come again."""
        if self._watch:
            self._watch.cancel()
        self._give_up(float("inf"))
        self._topic.close()
        self._forwarded.close()

    async def _be_forwarded(self, durable: asyncio.Future[None]) -> None:
        await durable
        end = self._topic.high_watermark()
        if self._forwarded.read() >= end:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, time.monotonic() + self._answer_seconds, done))
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look())
        await done

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            forwarded = self._forwarded.read()
            while self._waiting and self._waiting[0][0] <= forwarded:
                done = self._waiting.popleft()[2]
                if not done.done():  # whoever waited has gone
                    done.set_result(None)
            self._give_up(time.monotonic())

    def _give_up(self, now: float) -> None:
        while self._waiting and self._waiting[0][1] <= now:
            self._late_end, _, done = self._waiting.popleft()
            if not done.done():
                done.set_exception(TopicFull(NOT_FORWARDED, 5 + secrets.randbelow(26)))
