"""Sends a local topic to Kafka, and releases each message once Kafka has it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from topics.accounts import DEAD_LETTERS, STORED, MergedAccounts, account_of, minute_of
from topics.forwarder.in_flight import Chunk, InFlight
from topics.forwarder.metrics import Metrics, Progress
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.ledger_feed import LedgerFeed
from topics.kafka.message_formatter import MessageFormatter
from topics.kafka.producer import ProducerSession, SessionEnded
from topics.kafka.settings import KafkaSettings
from topics.ledger import KEPT_MS, MINUTE_MS
from topics.local.forwarded import FORWARDED
from topics.local.high_watermark import HighWatermark
from topics.local.lock import lock, unlock
from topics.local.reader import LocalReader
from topics.local.spool_id import spool_id
from topics.local.spools import has_writer, spool_paths
from topics.topic import Damage, Entry, Kind

READER = "forwarder"
CHUNK_MESSAGES = 250  # read at once
IDLE_SECONDS = 0.004
FULL_SECONDS = 0.1  # a delivery report ends this wait
RELEASE_INTERVAL_SECONDS = 0.25
SPOOL_CHECK_INTERVAL_SECONDS = 0.25
MAX_SPOOLS = 256
DRAIN_SECONDS = 1.0
MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.1, 5.0
SILENCE_SECONDS = 10.0  # without a report while messages are in flight: not ready

log = structlog.get_logger("forwarder")


class Forwarder:
    """Sends the messages of a local topic in order, from the released position, with at most a window of them in flight.

    Without a ledger feed, no converter accounts for the messages: an event counts as stored once Kafka has it.
    """

    def __init__(
        self,
        settings: ForwarderSettings,
        reader: LocalReader,
        feed: LedgerFeed | None,
        start_session: Callable[[], ProducerSession],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.progress = Progress(reader.high_watermark)
        self._reader, self._feed, self._start_session, self._now = reader, feed, start_session, now
        self._in_flight = InFlight(settings.window)
        self._directory = settings.topic_directory
        self._forwarded = HighWatermark(self._directory, FORWARDED, create=True)
        self._accounts = MergedAccounts(reader.accounts())
        self._position = self._done = reader.position
        self._released_at = 0.0
        self._progress_at = time.monotonic()
        self._fault = "Kafka was not reached yet"
        self.progress.update(self._in_flight, self._done)

    def run(self, stop: threading.Event) -> None:
        """Forward until `stop` is set; unreported messages stay in the topic."""
        log.info("forwarder started", directory=str(self._directory), position=self._done)
        backoff = MIN_BACKOFF_SECONDS
        while not stop.is_set():
            began_at = self._done
            try:
                with closing(self._start_session()) as session:
                    self._progress_at = time.monotonic()
                    self._forward(session, stop)
            except SessionEnded as ended:
                backoff = MIN_BACKOFF_SECONDS if self._done > began_at else min(backoff * 2, MAX_BACKOFF_SECONDS)
                self._requeue(str(ended), backoff)
                stop.wait(backoff)
        self._in_flight.clear()
        self._release()
        self._forwarded.close()
        log.info("forwarder stopped", directory=str(self._directory), position=self._done)

    def not_ready_reason(self) -> str:
        """Return the reason that nothing is forwarded, or an empty text."""
        if self._fault:
            return self._fault
        silence = time.monotonic() - self._progress_at
        if self._in_flight.messages and silence > SILENCE_SECONDS:
            return f"Kafka has reported nothing for {silence:.0f} s"
        return "" if self._feed is None or self._feed.is_caught_up else "the ledger on Kafka is not read yet"

    def _forward(self, session: ProducerSession, stop: threading.Event) -> None:
        while not stop.is_set():
            session.poll(self._send(session))
            self._settle()
            if time.monotonic() - self._released_at >= RELEASE_INTERVAL_SECONDS:
                self._release()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._in_flight.messages and time.monotonic() < deadline:
            session.poll(IDLE_SECONDS)
            self._settle()

    def _send(self, session: ProducerSession) -> float:
        """Send the next chunk; return how long to wait for delivery reports."""
        room = self._in_flight.room()
        if room <= 0:
            return FULL_SECONDS
        entries = self._reader.read(self._position, min(room, CHUNK_MESSAGES))
        if not entries:
            if not self._in_flight.messages:
                self._fault = ""
            return IDLE_SECONDS
        now = int(self._now() * 1000)
        chunk = Chunk(self._position, _received_at(entries[0], now), session.fail)
        for entry in entries:
            if not self._send_entry(entry, chunk, session, now):
                break
            chunk.end = entry.next_position
        self._position = chunk.end
        self._in_flight.add(chunk)
        return 0 if chunk.end == entries[-1].next_position else FULL_SECONDS

    def _send_entry(self, entry: Entry | Damage, chunk: Chunk, session: ProducerSession, now: int) -> bool:
        """Send an entry, or account for it; return False if the producer has no room."""
        if isinstance(entry, Entry) and entry.message.kind is Kind.REJECTION:
            chunk.accounts[account_of(entry.message)] += 1
            return True
        content = entry if isinstance(entry, Damage) else entry.message
        if not session.send(entry.position, content, now, chunk.reported):
            return False
        chunk.unreported += 1
        chunk.sent += 1
        if isinstance(entry, Damage):
            chunk.accounts[now - now % MINUTE_MS, "", DEAD_LETTERS] += 1
        elif self._feed is None:
            chunk.accounts[minute_of(entry.message), entry.message.source, STORED] += 1
        return True

    def _settle(self) -> None:
        """Account for the messages that Kafka has, up to the first one that it does not have."""
        for chunk in self._in_flight.take_done():
            self._accounts.add(chunk.accounts)
            self._done = chunk.end
            self._fault, self._progress_at = "", time.monotonic()  # only now: a new session may fail like the last one
            self.progress.forwarded(chunk.sent, sum(count for (_, _, name), count in chunk.accounts.items() if name != STORED))
            self._forwarded.write(self._done)
        self.progress.update(self._in_flight, self._done)

    def _release(self) -> None:
        """Release everything that Kafka has, with the accounts that changed."""
        self._released_at = time.monotonic()
        oldest = int(self._now() * 1000) - KEPT_MS
        if self._feed:
            self._accounts.put_converted(self._feed.take_changed(oldest))
        changed = self._accounts.changed()
        if not changed and self._done == self._reader.position:
            return
        try:
            self._reader.release(self._done, changed)
        except OSError as error:  # usually a full disk, which forwarding relieves
            log.warning("release not written, will be retried", error=str(error))
            return
        self._accounts.mark_released(oldest)

    def _requeue(self, reason: str, backoff_seconds: float) -> None:
        """Return to the position before which Kafka has everything; the messages after it are sent again."""
        self._fault = reason
        count = self._in_flight.clear()
        self._position = self._done
        self._release()
        waiting = self._reader.read(self._done, 1)
        self.progress.requeued(count, _received_at(waiting[0], int(self._now() * 1000)) if waiting else None)
        log.warning(
            "not forwarded, will be retried",
            directory=str(self._directory),
            reason=reason,
            count=count,
            position=self._done,
            backoff_seconds=backoff_seconds,
        )


def _received_at(entry: Entry | Damage, now: int) -> int:
    return now if isinstance(entry, Damage) else entry.message.received_at


class Forwarders:
    """One forwarder, in its own thread, for each directory of a topic, including spools that are created later."""

    def __init__(self, settings: ForwarderSettings, kafka: KafkaSettings, stop: threading.Event, stack: ExitStack) -> None:
        self._settings, self._kafka, self._stop, self._stack = settings, kafka, stop, stack
        self._formatter = MessageFormatter(kafka, settings.topic)
        self._forwarders: dict[str, Forwarder] = {}
        self._threads = ThreadPoolExecutor(MAX_SPOOLS, "forwarder")
        self._runs: list[Future[None]] = []
        self.metrics = Metrics(lambda: [forwarder.progress for forwarder in list(self._forwarders.values())])

    def run(self) -> None:
        """Forward until stopped; if a forwarder fails, stop the others and raise its error."""
        try:
            while not any(run.done() for run in self._runs):
                self._start_new_forwarders()
                if self._stop.wait(SPOOL_CHECK_INTERVAL_SECONDS):
                    break
        finally:
            self._stop.set()
            self._threads.shutdown()
        for run in self._runs:
            run.result()

    def not_ready_reason(self) -> str:
        """Return the reason for each spool that is not forwarded, or an empty text."""
        reasons = {number: forwarder.not_ready_reason() for number, forwarder in list(self._forwarders.items())}
        return "; ".join(f"spool {number}: {text}" if number else text for number, text in reasons.items() if text)

    def _start_new_forwarders(self) -> None:
        paths = spool_paths(self._settings.topic_directory)
        for number, path in paths.items():
            is_used = number or has_writer(path) or len(paths) == 1
            if is_used and number not in self._forwarders:
                forwarder = self._forwarders[number] = self._forwarder(path)
                self._runs.append(self._threads.submit(forwarder.run, self._stop))

    def _forwarder(self, path: Path) -> Forwarder:
        reader = self._stack.enter_context(closing(LocalReader.open(path, READER)))
        self._stack.callback(unlock, lock(path / "readers" / "forwarder.lock", "forwards"))
        spool = spool_id(path)
        is_converted = self._formatter.topic == self._kafka.topic("avro")
        feed = self._stack.enter_context(closing(LedgerFeed(self._kafka, spool))) if is_converted else None
        settings = self._settings.model_copy(update={"topic_directory": path})
        return Forwarder(settings, reader, feed, lambda: ProducerSession(self._kafka, spool, self._formatter))
