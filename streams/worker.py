"""The converter's loop: read from the topic, make a batch, commit it, release what was read."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from schemas.codec import Decoder
from schemas.contract import load_schema
from streams.batches import BatchMaker
from streams.converter import Converter
from streams.facts import FactFinder, Lookups
from streams.memory import SessionMemory
from streams.metrics import Metrics
from streams.pace import Pace
from streams.salts import DAY_MS, Salts
from streams.settings import Settings
from streams.sink import Account, Batch, Ledger, Sink
from topics.topic import Damage, Entry

log = structlog.get_logger()

ACCOUNTS_KEPT_MS = 2 * DAY_MS  # as long as the topic keeps its half of the ledger
SECONDS_BETWEEN_REPORTS = 10.0


class AccountedReader(Protocol):
    """A reader that is also told what became of the messages, for the ledger."""

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]: ...

    def release(self, position: int, account: Mapping[tuple[int, str], Account]) -> None: ...


class Worker:
    """Reads a topic from where its sink stands, until told to stop.

    What one commit stores is stored whole or not at all, so a crash at any point repeats nothing and loses nothing.
    """

    def __init__(
        self,
        reader: AccountedReader,
        sink: Sink,
        decoder: Decoder,
        enrichment: Lookups,
        settings: Settings,
        salts: Salts,
        clock: Callable[[], int],
        metrics: Metrics | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self._reader = reader
        self._sink = sink
        self._clock = clock
        self._salts = salts
        self._topic = settings.topic
        self._memory = SessionMemory(sink, settings.remembered_sessions)
        self._maker = BatchMaker(
            topic=settings.topic,
            sink=sink,
            decoder=decoder,
            converter=Converter(load_schema(settings.schema_path), settings.late_after_days * DAY_MS),
            facts=FactFinder(enrichment, settings.place_detail, self.metrics.enrichment_failed),
            salts=salts,
            memory=self._memory,
            session_timeout_ms=settings.session_timeout_seconds * 1000,
        )
        self._pace = Pace(settings.batch_messages, settings.idle_milliseconds / 1000)
        self._position = sink.position(settings.topic)
        self._ledger: Ledger = sink.ledger(clock() - ACCOUNTS_KEPT_MS)
        self._reports = _Reports()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished first."""
        log.info("converter started", topic=self._topic, position=self._position)
        # The last run may have ended between its commit and its release.
        self._reader.release(self._position, self._ledger)
        while not stop.is_set():
            if not self.step():
                stop.wait(self._pace.idle())
        self._reports.flush()
        log.info("converter stopped", topic=self._topic, position=self._position)

    def step(self) -> int:
        """Deal with what stands in the topic now, up to one batch; give the number of messages."""
        started = time.perf_counter()
        now = self._clock()
        self._salts.renew((), now)
        entries = self._reader.read(self._position, self._pace.batch_messages)
        if not entries:
            self._reports.pause()
            return 0
        try:
            batch = self._maker.make(entries, now)
            self._sink.commit(batch)
        except BaseException:
            self._memory.forget()  # it is ahead of the sink now
            raise
        self._memory.shrink()
        self._position = batch.position
        self._add_accounts(batch.ledger, now)
        self._reader.release(self._position, self._ledger)
        seconds = time.perf_counter() - started
        self._pace.worked(len(entries), seconds)
        self.metrics.committed(batch, seconds)
        self._reports.committed(batch, len(entries), seconds)
        return len(entries)

    def _add_accounts(self, ledger: Ledger, now: int) -> None:
        """Keep the sums that the sink has now."""
        for key, account in ledger.items():
            total = self._ledger.setdefault(key, Account())
            total.stored += account.stored
            total.duplicates += account.duplicates
            total.rejected += account.rejected
            total.dead_letters += account.dead_letters
        for key in [key for key in self._ledger if key[0] < now - ACCOUNTS_KEPT_MS]:
            del self._ledger[key]


class _Reports:
    """Log lines about batches: one for each at debug, one in ten seconds at info. A trickle of events is a batch each."""

    def __init__(self) -> None:
        self._batches = self._messages = self._rows = self._dead_letters = 0
        self._next_at = time.monotonic()

    def committed(self, batch: Batch, messages: int, seconds: float) -> None:
        counts = {"rows": len(batch.rows), "dead_letters": len(batch.dead_letters)}
        log.debug(
            "batch committed", topic=batch.topic, position=batch.position, messages=messages, duration_ms=round(seconds * 1000, 1), **counts
        )
        self._batches += 1
        self._messages += messages
        self._rows += len(batch.rows)
        self._dead_letters += len(batch.dead_letters)
        self.pause()

    def pause(self) -> None:
        if self._batches and time.monotonic() >= self._next_at:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            log.info("batches committed", batches=self._batches, messages=self._messages, rows=self._rows, dead_letters=self._dead_letters)
        self._batches = self._messages = self._rows = self._dead_letters = 0
        self._next_at = time.monotonic() + SECONDS_BETWEEN_REPORTS
