"""A topic without files: messages go straight to Kafka, and are durable once Kafka acknowledges them."""

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
from topics.kafka.message_formatter import MessageFormatter, SchemaIdMissing
from topics.kafka.producer import IDEMPOTENT, TUNED, SessionEnded, check_kafka, discard, poll, query_registry
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.ledger import KEPT_MS, Ledger, Minute, ReceivedCounts
from topics.topic import Kind, Message, TopicFailed, TopicFull

MAX_BYTES = 64 << 20
MAX_MESSAGES = 50_000  # half of the client's buffer, so that a batch is accepted whole or not at all
TOO_MUCH = "too many messages are in flight to Kafka"
POLL_SECONDS = 0.1
RETRY_SECONDS = 1.0

ANSWER_SECONDS = 10.0  # a visitor waits: after this time the sender must retry, with the same event ids

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
    """The writer of a collector without a disk. Everything except `_work` and `_reconnect` runs in the thread of the event loop."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        max_unread_bytes: int = MAX_BYTES,
        answer_seconds: float = ANSWER_SECONDS,
        fingerprints: Iterable[bytes] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._formatter, self._loop = settings, MessageFormatter(settings), asyncio.get_running_loop()
        for fingerprint in fingerprints:
            self._formatter.request_id(fingerprint)
        self._max_bytes, self._timeout = min(max_unread_bytes, MAX_BYTES), {"message.timeout.ms": int(answer_seconds * 1000)}
        self._spool, self._position = secrets.token_bytes(8), 0
        self._ledger, self._accounts, self._now = Ledger(), MergedAccounts({}), now
        self._totals: dict[Minute, dict[str, int]] = {}
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
        """Append all messages or none; the future completes when Kafka has them. Raises TopicFull, at once or by the future."""
        group = _Group(messages, self._loop)
        self._require_room(group)
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
        except (KafkaException, BufferError, SchemaIdMissing) as error:
            self._complete(group, TopicFull(str(error)))
        return group.durable

    def ledger(self) -> ReceivedCounts:
        """Return the messages that reached Kafka since this process started, by minute and source."""
        self._ledger.forget_before(self._oldest())
        return {minute: received.copy() for minute, received in self._ledger.minutes.items()}

    def accounts(self) -> Mapping[str, Mapping[Minute, Mapping[str, int]]]:
        """Return the outcomes of these messages."""
        oldest = self._oldest()
        self._accounts.put_converted(self._feed.take_changed(oldest))
        self._totals = {minute: counts for minute, counts in (self._totals | self._accounts.changed()).items() if minute[0] >= oldest}
        self._accounts.mark_released(oldest)
        return {"kafka": self._totals}

    def unread_bytes(self) -> int:
        """Return the bytes in flight to Kafka."""
        return self._bytes

    def not_ready_reason(self) -> str:
        """Return the reason that no message is accepted, or an empty text."""
        if self._stop.is_set():
            return "the topic is closed"
        return self._not_ready_reason or (TOO_MUCH if self._is_full() else "")

    def close(self) -> None:
        """Discard the messages in flight, which are not acknowledged yet."""
        self._stop.set()
        self._thread.join()
        self._settle()
        self._fail_all("the topic is closed")
        self._feed.close()

    def _require_room(self, group: _Group) -> None:
        if self._stop.is_set():
            raise TopicFailed("the topic is closed")
        if group.left and self._not_ready_reason:
            raise TopicFull(self._not_ready_reason)
        if group.left and self._is_full():
            raise TopicFull(TOO_MUCH)

    def _is_full(self) -> bool:
        return self._bytes >= self._max_bytes or self._messages >= MAX_MESSAGES

    def _produce(self, group: _Group, message: Message) -> None:
        value, found = self._formatter.format(message, self._spool, self._position)
        self._position += 1
        # Only queued: after a fatal error the client interrupts a callback that does more.
        self._producer.produce(
            self._formatter.topic,
            value,
            message.key,
            timestamp=message.received_at,
            headers=found,
            on_delivery=lambda error, _: self._reports.append((group, message, error)),
        )

    def _settle(self) -> None:
        """Handle the reports: count delivered messages, and complete the futures of whole groups."""
        delivered = []
        while self._reports:
            group, message, error = self._reports.popleft()
            group.left -= 1
            if error is None:
                delivered.append(message)
            else:
                self._not_ready_reason = str(error)  # later messages need not wait as long as this one did
                self._complete(group, TopicFull(self._not_ready_reason))
            if not group.left:
                self._complete(group, None)
        self._ledger.add_messages(delivered)

    def _fail_all(self, reason: str) -> None:
        for group in list(self._groups):
            self._complete(group, TopicFull(reason))

    def _complete(self, group: _Group, error: TopicFull | None) -> None:
        if group not in self._groups:
            return
        del self._groups[group]
        self._bytes -= group.size
        self._messages -= len(group.messages)
        if group.durable.done():  # the caller has gone
            return
        if error is None:
            group.durable.set_result(None)
        else:
            group.durable.set_exception(error)
            group.durable.exception()  # marked as retrieved: the sender may have gone

    def _work(self) -> None:
        """Pass Kafka's reports to the loop; check Kafka again after a failed message, use a new producer after a failed session."""
        try:
            while not self._stop.is_set():
                try:
                    self._deliver()
                except SessionEnded as ended:
                    self._reconnect(str(ended))
                    self._stop.wait(RETRY_SECONDS)
        finally:  # whatever ended the thread: no sender may wait for a report
            self._stop.set()
            discard(self._producer)
            self._call(self._fail_all, "the topic is closed")

    def _deliver(self) -> None:
        check_kafka(self._producer, self._settings, self._formatter)
        self._not_ready_reason = ""
        while not self._not_ready_reason and not self._stop.is_set():
            if poll(self._producer, POLL_SECONDS):
                self._call(self._settle)
            query_registry(self._formatter.look_up_ids)

    def _reconnect(self, reason: str) -> None:
        log.warning("Kafka accepts no messages", reason=reason)
        self._not_ready_reason = reason
        old, self._producer = self._producer, self._new_producer()
        discard(old)
        self._call(self._settle)
        self._call(self._fail_all, reason)

    def _new_producer(self) -> Producer:
        return Producer({**TUNED, **self._settings.client(), **IDEMPOTENT, **self._timeout}, logger=CLIENT_LOG)

    def _oldest(self) -> int:
        return int(self._now() * 1000) - KEPT_MS

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, nothing waits
            self._loop.call_soon_threadsafe(function, *arguments)
