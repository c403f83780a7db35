"""The converter's loop: read from the topic, make a batch, commit it, release what was read."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol, TypeAlias

import structlog

from streams.batches import BatchMaker, make_tools
from streams.conversion.decoding import RecordDecoder
from streams.conversion.enricher import Lookups
from streams.errors import TopicLost
from streams.local.accounts import Accounts
from streams.local.backoff import Backoff
from streams.local.jobs import Jobs
from streams.local.replays import Replays
from streams.metrics import Metrics
from streams.reports import Reports
from streams.sessions.salts import DAY_MS, Salts
from streams.settings import Settings
from streams.sink import Batch, RowKey, RowLocation, Sink
from topics.ledger import Minute
from topics.topic import Damage, Entry

log = structlog.get_logger()

ACCOUNTS_KEPT_MS = 2 * DAY_MS  # as long as the topic keeps its half of the ledger
SECONDS_BETWEEN_RELEASES = 0.25
SECONDS_FOR_TOPIC = 10.0
SILENCE_SECONDS = 10.0  # without the end of a step: not ready
MOST_AHEAD_MS = 60_000  # that one spool may be read ahead of another


class Consumer(Protocol):
    """A reader that is also told what became of the messages, for the ledger."""

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]: ...

    def high_watermark(self) -> int: ...

    def release(self, position: int, account: Mapping[Minute, Mapping[str, int]]) -> None: ...


# By its number each spool of the topic, and by the name "" its own directory; asked again, those that have come since too.
Consumers: TypeAlias = Callable[[], Mapping[str, Consumer]]


_Entries: TypeAlias = Sequence[Entry | Damage]


@dataclass(slots=True)
class _Spool:
    """A directory of the topic, and how far it is dealt with."""

    topic: str  # the topic's name for the topic's own directory, else with the spool's number behind it
    reader: Consumer
    position: int
    released: int = -1


class Worker:
    """Reads a topic from where its sink stands, all its spools in turn, until told to stop.

    What one commit stores is stored whole or not at all, so a crash at any point repeats nothing and loses nothing.
    """

    def __init__(
        self,
        readers: Consumers,
        sink: Sink,
        decoder: RecordDecoder,
        enrichment: Lookups,
        settings: Settings,
        salts: Salts,
        clock: Callable[[], int],
        metrics: Metrics | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self._readers = readers
        self._sink = sink
        self._clock = clock
        self._salts = salts
        self._topic = settings.topic
        self._maker = BatchMaker(sink, make_tools(decoder, enrichment, settings, salts, self.metrics))
        self._backoff = Backoff(settings.idle_milliseconds / 1000)
        self._batch_messages = settings.batch_messages
        self._spools: dict[str, _Spool] = {}
        self._accounts = Accounts(sink.ledger(clock() - ACCOUNTS_KEPT_MS))
        self._released_at = 0.0
        self._stepped_at = 0.0
        self._reports = Reports()
        self._jobs = Jobs()
        self.replays = Replays(settings.topic, sink, self._replay, self._jobs)
        self._look_for_spools()

    def not_ready_reason(self) -> str:
        """Return why nothing is converted; empty when something is, or when nothing waits."""
        if not self._stepped_at:
            return "the converter has not finished its first batch"
        silence = time.monotonic() - self._stepped_at
        return f"the converter has finished nothing for {silence:.0f} s" if silence > SILENCE_SECONDS else ""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished first."""
        log.info("converter started", positions=self._positions())
        self._wait_for_topic(stop)
        while not stop.is_set():
            if not self.step():
                stop.wait(self._backoff.idle())
        self.release()
        self._reports.flush()
        log.info("converter stopped", positions=self._positions())

    def step(self) -> int:
        """Deal with what stands in the topic now, up to a batch of each spool; give the number of messages."""
        started = time.perf_counter()
        self._salts.renew((), self._clock())
        self._jobs.work()
        count = self._work_off(started)
        if started - self._released_at >= SECONDS_BETWEEN_RELEASES:
            self.release()
            self._look_for_spools()
        self._reports.pause()
        self._stepped_at = time.monotonic()
        return count

    def delete(self, keys: Sequence[RowKey]) -> "Future[int]":
        """Find the rows of these keys, then queue their deletion; the result is how many were deleted."""
        found = self._sink.find_rows(keys)
        return self._jobs.ask(lambda: self._delete(found))

    def release(self) -> None:
        """Tell the readers how far the sink is, and the accounts that changed since. Costs files, so not after each batch."""
        self._released_at = time.perf_counter()
        for number, spool in self._spools.items():
            account = {} if number else self._accounts.take_changed()  # one ledger for all spools: the first tells it
            if account or spool.released != spool.position:
                spool.reader.release(spool.position, account)
                spool.released = spool.position

    def _work_off(self, started: float) -> int:
        found = [(spool, spool.reader.read(spool.position, self._batch_messages)) for spool in self._spools.values()]
        count = 0
        for spool, entries in _side_by_side([(spool, entries) for spool, entries in found if entries]):
            spool.position = self._commit(spool.topic, entries, started).position
            self._backoff.worked()
            count, started = count + len(entries), time.perf_counter()
        return count

    def _replay(self, topic: str, entries: Sequence[Entry], replayed: Sequence[int]) -> Batch:
        return self._commit(topic, entries, time.perf_counter(), replayed)

    def _delete(self, rows: Sequence[RowLocation]) -> int:
        deleted = self._sink.delete(rows)
        self._maker.forget()  # sessions may be gone with their rows
        oldest = self._clock() - ACCOUNTS_KEPT_MS
        self._accounts.add({key: account for key, account in deleted.items() if key[0] >= oldest}, oldest)
        return sum(account.deleted for account in deleted.values())

    def _commit(self, topic: str, entries: Sequence[Entry | Damage], started: float, replayed: Sequence[int] = ()) -> Batch:
        now = self._clock()
        try:
            batch = self._maker.make(topic, entries, now)
            if replayed:  # they come from behind: the topic is read no further by them
                batch.position, batch.replayed = self._sink.position(topic), replayed
            self._sink.commit(batch)
        except BaseException:
            self._maker.forget()
            raise
        self._maker.committed()
        self._accounts.add(batch.ledger, now - ACCOUNTS_KEPT_MS)
        seconds = time.perf_counter() - started
        self.metrics.committed(batch, seconds)
        self._reports.committed(batch, len(entries), seconds)
        return batch

    def _look_for_spools(self) -> None:
        for number, reader in self._readers().items():
            if number not in self._spools:
                topic = f"{self._topic}/{number}" if number else self._topic
                self._spools[number] = _Spool(topic, reader, self._sink.position(topic))

    def _positions(self) -> dict[str, int]:
        return {spool.topic: spool.position for spool in self._spools.values()}

    def _wait_for_topic(self, stop: threading.Event) -> None:
        """See that the topic reaches to where the sink stands; after a power cut its writer has to put its end right first."""
        deadline = time.monotonic() + SECONDS_FOR_TOPIC
        for spool in self._spools.values():
            while (end := spool.reader.high_watermark()) < spool.position and not stop.wait(self._backoff.idle()):
                if time.monotonic() > deadline:
                    raise TopicLost(
                        f"the rows stand at position {spool.position} of {spool.topic}, which ends at {end}: "
                        "put back the topic they were made from, or remove both"
                    )


def _side_by_side(found: Sequence[tuple[_Spool, _Entries]]) -> Sequence[tuple[_Spool, _Entries]]:
    """Leave for later what in one spool came long after what is next in another: sessions follow the order in which events came."""
    if len(found) < 2:
        return found
    until = min(_received_at(entries[0]) for _, entries in found) + MOST_AHEAD_MS
    cut = [(spool, list(takewhile(lambda entry: _received_at(entry) <= until, entries))) for spool, entries in found]
    return [(spool, entries) for spool, entries in cut if entries]


def _received_at(entry: Entry | Damage) -> int:
    return 0 if isinstance(entry, Damage) else entry.message.received_at
