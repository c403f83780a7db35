"""A topic without files: messages go straight to Kafka, and are durable when it says so."""

import asyncio
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog
from confluent_kafka import KafkaException, Producer

from topics.accounts import MergedAccounts, account_of
from topics.kafka.ledger_feed import LedgerFeed
from topics.kafka.message_formatter import IdMissing, MessageFormatter
from topics.kafka.producer import IDEMPOTENT, TUNED, SessionEnded, ask, drop, poll, reach
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.ledger import KEPT_MS, Ledger, Minute, ReceivedCounts
from topics.topic import Kind, Message, TopicFailed, TopicFull

MOST_BYTES = 64 << 20
MOST_MESSAGES = 50_000  # half of what the client holds, so that a batch is taken whole or not at all
TOO_MUCH = "too much is under way to Kafka"
POLL_SECONDS = 0.1
PAUSE_SECONDS = 1.0

ANSWER_SECONDS = 10.0  # a visitor waits: what Kafka does not take within this time is refused, and comes again with the same ids

log = structlog.get_logger("kafka")


class _Group:
    """The messages of one `append`."""

    __slots__ = ("durable", "left", "messages", "size")

    def __init__(self, messages: Sequence[Message], loop: asyncio.AbstractEventLoop) -> None:
        self.messages = [message for message in messages if message.kind is not Kind.REJECTION]
        self.left = len(self.messages)
        self.size = sum(len(message.value) for message in self.messages)
        self.durable: asyncio.Future[None] = loop.create_future()


_Report: TypeAlias = tuple[_Group, Message, object]


class KafkaTopic:
    """The writer that a collector without a disk of its own has. All but `_work` and `_begin_again` runs in the event loop's thread."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        max_unread_bytes: int = MOST_BYTES,
        answer_seconds: float = ANSWER_SECONDS,
        fingerprints: Iterable[bytes] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._records, self._loop = settings, MessageFormatter(settings), asyncio.get_running_loop()
        for fingerprint in fingerprints:
            self._records.want(fingerprint)
        self._most_bytes, self._timeout = min(max_unread_bytes, MOST_BYTES), {"message.timeout.ms": int(answer_seconds * 1000)}
        self._spool, self._position = secrets.token_bytes(8), 0
        self._ledger, self._accounts, self._now = Ledger(), MergedAccounts({}), now
        self._told: dict[Minute, dict[str, int]] = {}
        self._feed = LedgerFeed(settings, self._spool)
        self._groups: dict[_Group, None] = {}
        self._bytes = self._messages = 0
        self._reports: deque[_Report] = deque()
        self._not_ready_reason = "Kafka was not reached yet"
        self._stop = threading.Event()
        self._producer = self._new_producer()
        self._thread = threading.Thread(target=self._work, name="kafka topic", daemon=True)
        self._thread.start()

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Take messages, all or none; the future is done when Kafka has them. Raises TopicFull, now or by the future: send them again."""
        group = _Group(messages, self._loop)
        self._make_room(group)
        rejections = [message for message in messages if message.kind is Kind.REJECTION]
        self._ledger.add_messages(rejections)
        self._accounts.add(Counter(map(account_of, rejections)))
        if not group.left:
            group.durable.set_result(None)
            return group.durable
        self._groups[group] = None
        self._bytes += group.size
        self._messages += group.left
        try:
            for message in group.messages:
                self._produce(group, message)
        except (KafkaException, BufferError, IdMissing) as error:
            self._end(group, _full(str(error)))
        return group.durable

    def ledger(self) -> ReceivedCounts:
        """Give what came in and is on Kafka, by minute and source, since this process began."""
        self._ledger.forget_before(self._oldest())
        return {minute: received.copy() for minute, received in self._ledger.minutes.items()}

    def accounts(self) -> Mapping[str, Mapping[Minute, Mapping[str, int]]]:
        """Give what became of it."""
        oldest = self._oldest()
        self._accounts.put_converted(self._feed.take_news(oldest))
        self._told = {minute: counts for minute, counts in (self._told | self._accounts.changed()).items() if minute[0] >= oldest}
        self._accounts.mark_released(oldest)
        return {"kafka": self._told}

    def unread_bytes(self) -> int:
        """Give how much is under way to Kafka."""
        return self._bytes

    def not_ready_reason(self) -> str:
        """Why nothing is taken; empty when it is."""
        if self._stop.is_set():
            return "the topic is closed"
        return self._not_ready_reason or (TOO_MUCH if self._is_full() else "")

    def close(self) -> None:
        """Drop what is under way: nobody was told that it is durable."""
        self._stop.set()
        self._thread.join()
        self._settle()
        self._refuse_all("the topic is closed")
        self._feed.close()

    def _make_room(self, group: _Group) -> None:
        if self._stop.is_set():
            raise TopicFailed("the topic is closed")
        if group.left and self._not_ready_reason:
            raise _full(self._not_ready_reason)
        if group.left and self._is_full():
            raise _full(TOO_MUCH)

    def _is_full(self) -> bool:
        return self._bytes >= self._most_bytes or self._messages >= MOST_MESSAGES

    def _produce(self, group: _Group, message: Message) -> None:
        value, found = self._records.make(message, self._spool, self._position)
        self._position += 1
        # Only noted: after a fatal error the client cuts short a callback that does more.
        self._producer.produce(
            self._records.topic,
            value,
            message.key,
            timestamp=message.received_at,
            headers=found,
            on_delivery=lambda error, _: self._reports.append((group, message, error)),
        )

    def _settle(self) -> None:
        """Take the reports: count what Kafka has, answer for groups that are whole."""
        delivered = []
        while self._reports:
            group, message, error = self._reports.popleft()
            group.left -= 1
            if error is None:
                delivered.append(message)
            else:
                self._not_ready_reason = str(error)  # whoever comes now need not wait as long as this one did
                self._end(group, _full(self._not_ready_reason))
            if not group.left:
                self._end(group, None)
        self._ledger.add_messages(delivered)

    def _refuse_all(self, reason: str) -> None:
        for group in list(self._groups):
            self._end(group, _full(reason))

    def _end(self, group: _Group, error: TopicFull | None) -> None:
        if group not in self._groups:
            return
        del self._groups[group]
        self._bytes -= group.size
        self._messages -= len(group.messages)
        if group.durable.done():  # whoever waited has gone
            return
        if error is None:
            group.durable.set_result(None)
        else:
            group.durable.set_exception(error)
            group.durable.exception()  # seen: whoever sent these messages may be gone

    def _work(self) -> None:
        """Reach Kafka, hand its reports to the loop; after an error look for Kafka again, after a fatal one with another producer."""
        try:
            while not self._stop.is_set():
                try:
                    self._deliver()
                except SessionEnded as over:
                    self._begin_again(str(over))
                    self._stop.wait(PAUSE_SECONDS)
        finally:  # whatever ended this: nobody may wait for reports that nobody takes
            self._stop.set()
            drop(self._producer)
            self._call(self._refuse_all, "the topic is closed")

    def _deliver(self) -> None:
        reach(self._producer, self._settings, self._records)
        self._not_ready_reason = ""
        while not self._not_ready_reason and not self._stop.is_set():
            if poll(self._producer, POLL_SECONDS):
                self._call(self._settle)
            ask(self._records.look_up)

    def _begin_again(self, reason: str) -> None:
        log.warning("Kafka takes nothing", reason=reason)
        self._not_ready_reason = reason
        old, self._producer = self._producer, self._new_producer()
        drop(old)
        self._call(self._settle)
        self._call(self._refuse_all, reason)

    def _new_producer(self) -> Producer:
        return Producer({**TUNED, **self._settings.client(), **IDEMPOTENT, **self._timeout}, logger=CLIENT_LOG)

    def _oldest(self) -> int:
        return int(self._now() * 1000) - KEPT_MS

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)


def _full(reason: str) -> TopicFull:
    return TopicFull(reason, 5 + secrets.randbelow(26))  # spread, so that they do not all return at once
