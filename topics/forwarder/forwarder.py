"""Sends a local topic to Kafka, and lets go of a message once Kafka has it."""

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
CHUNK_MESSAGES = 250  # messages that are read at once
IDLE_SECONDS = 0.004
FULL_SECONDS = 0.1  # a report ends this wait
SECONDS_BETWEEN_RELEASES = 0.25
SECONDS_BETWEEN_LOOKS = 0.25  # for spools that have come
MOST_SPOOLS = 256
STOP_SECONDS = 1.0  # that reports under way get when told to stop
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
SILENCE_SECONDS = 10.0  # without a report, though messages wait: not ready

log = structlog.get_logger("forwarder")


class Forwarder:
    """Sends what stands in a local topic, in order, from where it was released; at most a window of it is not reported yet.

    Without a feed no converter will account for what it sends: an event counts as stored when Kafka has it.
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
        self._window = InFlight(settings.window)
        self._directory = settings.topic_directory
        self._forwarded = HighWatermark(self._directory, FORWARDED, create=True)
        self._accounts = MergedAccounts(reader.accounts())
        self._position = self._done = reader.position
        self._released_at = 0.0
        self._progress_at = time.monotonic()
        self._fault = "Kafka was not reached yet"
        self.progress.stands(self._window, self._done)

    def run(self, stop: threading.Event) -> None:
        """Forward until `stop` is set; what is not reported then stays in the topic."""
        log.info("forwarder started", directory=str(self._directory), position=self._done)
        pause = SHORTEST_PAUSE_SECONDS
        while not stop.is_set():
            began_at = self._done
            try:
                with closing(self._start_session()) as session:
                    self._progress_at = time.monotonic()
                    self._forward(session, stop)
            except SessionEnded as over:
                pause = SHORTEST_PAUSE_SECONDS if self._done > began_at else min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._requeue(str(over), pause)
                stop.wait(pause)
        self._window.clear()
        self._release()
        self._forwarded.close()
        log.info("forwarder stopped", directory=str(self._directory), position=self._done)

    def not_ready_reason(self) -> str:
        """Say why nothing is forwarded, or nothing."""
        if self._fault:
            return self._fault
        silence = time.monotonic() - self._progress_at
        if self._window.messages and silence > SILENCE_SECONDS:
            return f"Kafka has reported nothing for {silence:.0f} s"
        return "" if self._feed is None or self._feed.is_caught_up else "the ledger on Kafka is not read yet"

    def _forward(self, session: ProducerSession, stop: threading.Event) -> None:
        while not stop.is_set():
            session.poll(self._send(session))
            self._settle()
            if time.monotonic() - self._released_at >= SECONDS_BETWEEN_RELEASES:
                self._release()
        until = time.monotonic() + STOP_SECONDS
        while self._window.messages and time.monotonic() < until:
            session.poll(IDLE_SECONDS)
            self._settle()

    def _send(self, session: ProducerSession) -> float:
        """Send what stands next; give how long to wait for reports now."""
        room = self._window.room()
        if room <= 0:
            return FULL_SECONDS
        entries = self._reader.read(self._position, min(room, CHUNK_MESSAGES))
        if not entries:
            if not self._window.messages:
                self._fault = ""
            return IDLE_SECONDS
        now = int(self._now() * 1000)
        chunk = Chunk(self._position, _received_at(entries[0], now), session.fail)
        for entry in entries:
            if not self._hand_over(entry, chunk, session, now):
                break
            chunk.end = entry.next_position
        self._position = chunk.end
        self._window.add(chunk)
        return 0 if chunk.end == entries[-1].next_position else FULL_SECONDS

    def _hand_over(self, entry: Entry | Damage, chunk: Chunk, session: ProducerSession, now: int) -> bool:
        """Send an entry, or account for it; False if there is no room for it."""
        if isinstance(entry, Entry) and entry.message.kind is Kind.REJECTION:
            chunk.accounts[account_of(entry.message)] += 1
            return True
        what = entry if isinstance(entry, Damage) else entry.message
        if not session.send(entry.position, what, now, chunk.reported):
            return False
        chunk.left += 1
        chunk.sent += 1
        if isinstance(entry, Damage):
            chunk.accounts[now - now % MINUTE_MS, "", DEAD_LETTERS] += 1
        elif self._feed is None:
            chunk.accounts[minute_of(entry.message), entry.message.source, STORED] += 1
        return True

    def _settle(self) -> None:
        """Note what Kafka has now, up to the first message that it has not."""
        for chunk in self._window.take_done():
            self._accounts.add(chunk.accounts)
            self._done = chunk.end
            self._fault, self._progress_at = "", time.monotonic()  # not when a session begins: the next may fail as the last did
            self.progress.forwarded(chunk.sent, sum(count for (_, _, name), count in chunk.accounts.items() if name != STORED))
            self._forwarded.write(self._done)
        self.progress.stands(self._window, self._done)

    def _release(self) -> None:
        """Write how far Kafka has the topic, and the accounts that changed."""
        self._released_at = time.monotonic()
        oldest = int(self._now() * 1000) - KEPT_MS
        if self._feed:
            self._accounts.put_converted(self._feed.take_news(oldest))
        changed = self._accounts.changed()
        if not changed and self._done == self._reader.position:
            return
        try:
            self._reader.release(self._done, changed)
        except OSError as error:  # no room on the disk, as a rule: forwarding is what makes some
            log.warning("release not written, tried again", error=str(error))
            return
        self._accounts.mark_released(oldest)

    def _requeue(self, reason: str, pause_seconds: float) -> None:
        """Go back to what Kafka has for certain; what is behind it is sent again."""
        self._fault = reason
        count = self._window.clear()
        self._position = self._done
        self._release()
        waiting = self._reader.read(self._done, 1)
        self.progress.requeued(count, _received_at(waiting[0], int(self._now() * 1000)) if waiting else None)
        log.warning(
            "not forwarded, tried again",
            directory=str(self._directory),
            reason=reason,
            count=count,
            position=self._done,
            pause_seconds=pause_seconds,
        )


def _received_at(entry: Entry | Damage, now: int) -> int:
    return now if isinstance(entry, Damage) else entry.message.received_at


class Forwarders:
    """A forwarder in a thread of its own for each directory of a topic, those of spools that come later too."""

    def __init__(self, settings: ForwarderSettings, kafka: KafkaSettings, stop: threading.Event, stack: ExitStack) -> None:
        self._settings, self._kafka, self._stop, self._stack = settings, kafka, stop, stack
        self._records = MessageFormatter(kafka, settings.topic)
        self._forwarders: dict[str, Forwarder] = {}
        self._threads = ThreadPoolExecutor(MOST_SPOOLS, "forwarder")
        self._work: list[Future[None]] = []
        self.metrics = Metrics(lambda: [forwarder.progress for forwarder in list(self._forwarders.values())])

    def run(self) -> None:
        """Forward until told to stop; raises what ended one of them, and then the others end too."""
        try:
            while not any(one.done() for one in self._work):
                self._look_for_spools()
                if self._stop.wait(SECONDS_BETWEEN_LOOKS):
                    break
        finally:
            self._stop.set()
            self._threads.shutdown()
        for one in self._work:
            one.result()

    def not_ready_reason(self) -> str:
        """Say what is not forwarded and why, or nothing."""
        reasons = {number: forwarder.not_ready_reason() for number, forwarder in list(self._forwarders.items())}
        return "; ".join(f"spool {number}: {text}" if number else text for number, text in reasons.items() if text)

    def _look_for_spools(self) -> None:
        paths = spool_paths(self._settings.topic_directory)
        for number, path in paths.items():
            is_used = number or has_writer(path) or len(paths) == 1
            if is_used and number not in self._forwarders:
                forwarder = self._forwarders[number] = self._forwarder(path)
                self._work.append(self._threads.submit(forwarder.run, self._stop))

    def _forwarder(self, path: Path) -> Forwarder:
        reader = self._stack.enter_context(closing(LocalReader.open(path, READER)))
        self._stack.callback(unlock, lock(path / "readers" / "forwarder.lock", "forwards"))
        spool = spool_id(path)
        is_converted = self._records.topic == self._kafka.topic("avro")
        feed = self._stack.enter_context(closing(LedgerFeed(self._kafka, spool))) if is_converted else None
        settings = self._settings.model_copy(update={"topic_directory": path})
        return Forwarder(settings, reader, feed, lambda: ProducerSession(self._kafka, spool, self._records))
