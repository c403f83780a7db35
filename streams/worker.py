"""The converter's loop: read from the topic, make a batch, commit it, release what was read."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from schemas.contract import load_schema
from streams.accounts import Accounts
from streams.batches import BatchMaker, Tools
from streams.converter import Converter
from streams.decoding import RecordDecoder
from streams.errors import TopicLost
from streams.facts import FactFinder, Lookups
from streams.metrics import Metrics
from streams.pace import Pace
from streams.replays import Replays
from streams.salts import DAY_MS, Salts
from streams.settings import Settings
from streams.sink import Batch, Sink
from topics.topic import Damage, Entry

log = structlog.get_logger()

ACCOUNTS_KEPT_MS = 2 * DAY_MS  # as long as the topic keeps its half of the ledger
SECONDS_BETWEEN_RELEASES = 0.25
SECONDS_FOR_TOPIC = 10.0
SECONDS_BETWEEN_REPORTS = 10.0


class AccountedReader(Protocol):
    """A reader that is also told what became of the messages, for the ledger."""

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]: ...

    def end(self) -> int: ...

    def release(self, position: int, account: Mapping[tuple[int, str], Mapping[str, int]]) -> None: ...


def make_tools(decoder: RecordDecoder, enrichment: Lookups, settings: Settings, salts: Salts, metrics: Metrics) -> Tools:
    """Put together what a maker of batches needs; raises SchemaError."""
    return Tools(
        decoder=decoder,
        converter=Converter(load_schema(settings.schema_path), settings.late_after_days * DAY_MS),
        facts=FactFinder(enrichment, settings.place_detail, metrics.enrichment_failed),
        salts=salts,
        session_timeout_ms=settings.session_timeout_seconds * 1000,
        remembered_sessions=settings.remembered_sessions,
    )


class Worker:
    """Reads a topic from where its sink stands, until told to stop.

    What one commit stores is stored whole or not at all, so a crash at any point repeats nothing and loses nothing.
    """

    def __init__(
        self,
        reader: AccountedReader,
        sink: Sink,
        decoder: RecordDecoder,
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
        self._maker = BatchMaker(settings.topic, sink, make_tools(decoder, enrichment, settings, salts, self.metrics))
        self._pace = Pace(settings.idle_milliseconds / 1000)
        self._batch_messages = settings.batch_messages
        self._position = sink.position(settings.topic)
        self._accounts = Accounts(sink.ledger(clock() - ACCOUNTS_KEPT_MS))
        self._released_at = 0.0
        self._released = -1
        self._reports = Reports()
        self.replays = Replays(settings.topic, sink, self._replay)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished first."""
        log.info("converter started", topic=self._topic, position=self._position)
        self._wait_for_topic(stop)
        while not stop.is_set():
            if not self.step():
                stop.wait(self._pace.idle())
        self.release()
        self._reports.flush()
        log.info("converter stopped", topic=self._topic, position=self._position)

    def step(self) -> int:
        """Deal with what stands in the topic now, up to one batch; give the number of messages."""
        started = time.perf_counter()
        now = self._clock()
        self._salts.renew((), now)
        self.replays.work()
        entries = self._reader.read(self._position, self._batch_messages)
        if entries:
            self._commit(entries, now, started)
            self._pace.worked()
        if started - self._released_at >= SECONDS_BETWEEN_RELEASES:
            self.release()
        self._reports.pause()
        return len(entries)

    def release(self) -> None:
        """Tell the reader how far the sink is, and the accounts that changed since. Costs two files, so not after each batch."""
        self._released_at = time.perf_counter()
        if self._released != self._position or self._accounts.have_changed:
            self._reader.release(self._position, self._accounts.take_changed())
            self._released = self._position

    def _replay(self, entries: Sequence[Entry], replayed: Sequence[int]) -> Batch:
        return self._commit(entries, self._clock(), time.perf_counter(), replayed)

    def _commit(self, entries: Sequence[Entry | Damage], now: int, started: float, replayed: Sequence[int] = ()) -> Batch:
        try:
            batch = self._maker.make(entries, now)
            if replayed:  # they come from behind: the topic is read no further by them
                batch.position, batch.replayed = self._position, replayed
            self._sink.commit(batch)
        except BaseException:
            self._maker.forget()
            raise
        self._maker.committed()
        self._position = batch.position
        self._accounts.add(batch.ledger, now - ACCOUNTS_KEPT_MS)
        seconds = time.perf_counter() - started
        self.metrics.committed(batch, seconds)
        self._reports.committed(batch, len(entries), seconds)
        return batch

    def _wait_for_topic(self, stop: threading.Event) -> None:
        """See that the topic reaches to where the sink stands; after a power cut its writer has to put its end right first."""
        deadline = time.monotonic() + SECONDS_FOR_TOPIC
        while (end := self._reader.end()) < self._position and not stop.wait(self._pace.idle()):
            if time.monotonic() > deadline:
                raise TopicLost(
                    f"the rows stand at position {self._position} of {self._topic}, which ends at {end}: "
                    "put back the topic they were made from, or remove both"
                )


class Reports:
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

    def pause(self) -> None:
        if self._batches and time.monotonic() >= self._next_at:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            log.info("batches committed", batches=self._batches, messages=self._messages, rows=self._rows, dead_letters=self._dead_letters)
        self._batches = self._messages = self._rows = self._dead_letters = 0
        self._next_at = time.monotonic() + SECONDS_BETWEEN_REPORTS
