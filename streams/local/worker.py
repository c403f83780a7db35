"""The converter's loop on one machine: read the topic, make a batch, commit it, release the messages."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol, TypeAlias

import structlog

from streams.batches import BatchMaker, Tools
from streams.errors import TopicLost
from streams.local.accounts import Accounts
from streams.local.backoff import Backoff
from streams.local.jobs import Jobs
from streams.local.replays import Replays
from streams.metrics import Metrics
from streams.reports import Reports
from streams.settings import Settings
from streams.sink import Batch, RowKey, RowLocation, Sink
from topics.ledger import KEPT_MS, Minute
from topics.topic import Damage, Entry

log = structlog.get_logger()

RELEASE_INTERVAL_SECONDS = 0.25
TOPIC_TIMEOUT_SECONDS = 10.0
SILENCE_SECONDS = 10.0  # without a finished step: not ready
MAX_AHEAD_MS = 60_000  # of one spool before another


class Consumer(Protocol):
    """A consumer of a spool, to which the worker also releases accounts."""

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]: ...

    def high_watermark(self) -> int: ...

    def release(self, position: int, account: Mapping[Minute, Mapping[str, int]]) -> None: ...


# The consumers of the topic's spools by number, and of its own directory under the name ""; each call adds those of new spools.
Consumers: TypeAlias = Callable[[], Mapping[str, Consumer]]


_Entries: TypeAlias = Sequence[Entry | Damage]


@dataclass(slots=True)
class _Spool:
    """A directory of the topic, and the position up to which it is converted."""

    topic: str  # the topic's name; for a spool, followed by its number
    consumer: Consumer
    position: int
    released: int = -1


class Worker:
    """Converts all spools of a topic in turn, from the position of its sink, until stopped.

    Commits are atomic, so a crash at any point duplicates nothing and loses nothing.
    """

    def __init__(
        self, consumers: Consumers, sink: Sink, tools: Tools, settings: Settings, clock: Callable[[], int], metrics: Metrics
    ) -> None:
        self.metrics = metrics
        self._consumers = consumers
        self._sink = sink
        self._clock = clock
        self._salts = tools.salts
        self._topic = settings.topic
        self._maker = BatchMaker(sink, tools)
        self._backoff = Backoff(settings.idle_milliseconds / 1000)
        self._batch_messages = settings.batch_messages
        self._spools: dict[str, _Spool] = {}
        self._accounts = Accounts(sink.ledger(clock() - KEPT_MS))
        self._released_at = 0.0
        self._stepped_at = 0.0
        self._reports = Reports()
        self._jobs = Jobs()
        self.replays = Replays(settings.topic, sink, self._replay, self._jobs)
        self._add_new_spools()

    def not_ready_reason(self) -> str:
        """Return the reason that nothing is converted, or an empty text."""
        if not self._stepped_at:
            return "the converter has not finished its first batch"
        silence = time.monotonic() - self._stepped_at
        return f"the converter has not finished a step for {silence:.0f} s" if silence > SILENCE_SECONDS else ""

    def run(self, stop: threading.Event) -> None:
        """Convert until `stop` is set; the current batch is finished first."""
        log.info("converter started", positions=self._positions())
        self._wait_for_topic(stop)
        while not stop.is_set():
            if not self.step():
                stop.wait(self._backoff.next())
        self.release()
        self._reports.flush()
        log.info("converter stopped", positions=self._positions())

    def step(self) -> int:
        """Convert one batch of each spool; return the number of messages."""
        started = time.perf_counter()
        self._salts.renew((), self._clock())
        self._jobs.run_all()
        count = self._convert(started)
        if started - self._released_at >= RELEASE_INTERVAL_SECONDS:
            self.release()
            self._add_new_spools()
        self._reports.flush_if_due()
        self._stepped_at = time.monotonic()
        return count

    def delete(self, keys: Sequence[RowKey]) -> "Future[int]":
        """Find the rows of these keys and queue their deletion; the result is the number of deleted rows."""
        found = self._sink.find_rows(keys)
        return self._jobs.submit(lambda: self._delete(found))

    def release(self) -> None:
        """Release the position of the sink and the accounts that changed. It writes files, so it does not follow each batch."""
        self._released_at = time.perf_counter()
        for number, spool in self._spools.items():
            account = {} if number else self._accounts.take_changed()  # one ledger for all spools, released to the first
            if account or spool.released != spool.position:
                spool.consumer.release(spool.position, account)
                spool.released = spool.position

    def _convert(self, started: float) -> int:
        found = [(spool, spool.consumer.read(spool.position, self._batch_messages)) for spool in self._spools.values()]
        count = 0
        for spool, entries in _in_step([(spool, entries) for spool, entries in found if entries]):
            spool.position = self._commit(spool.topic, entries, started).position
            self._backoff.reset()
            count, started = count + len(entries), time.perf_counter()
        return count

    def _replay(self, topic: str, entries: Sequence[Entry], replayed: Sequence[int]) -> Batch:
        return self._commit(topic, entries, time.perf_counter(), replayed)

    def _delete(self, rows: Sequence[RowLocation]) -> int:
        deleted = self._sink.delete(rows)
        self._maker.forget()  # sessions may have been deleted with their rows
        oldest = self._clock() - KEPT_MS
        self._accounts.add({key: account for key, account in deleted.items() if key[0] >= oldest}, oldest)
        return sum(account.deleted for account in deleted.values())

    def _commit(self, topic: str, entries: Sequence[Entry | Damage], started: float, replayed: Sequence[int] = ()) -> Batch:
        now = self._clock()
        try:
            batch = self._maker.make(topic, entries, now)
            if replayed:  # replayed messages do not advance the position
                batch.position, batch.replayed = self._sink.position(topic), replayed
            self._sink.commit(batch)
        except BaseException:
            self._maker.forget()
            raise
        self._maker.committed()
        self._accounts.add(batch.ledger, now - KEPT_MS)
        seconds = time.perf_counter() - started
        self.metrics.committed(batch, seconds)
        self._reports.committed(batch, len(entries), seconds)
        return batch

    def _add_new_spools(self) -> None:
        for number, consumer in self._consumers().items():
            if number not in self._spools:
                topic = f"{self._topic}/{number}" if number else self._topic
                self._spools[number] = _Spool(topic, consumer, self._sink.position(topic))

    def _positions(self) -> dict[str, int]:
        return {spool.topic: spool.position for spool in self._spools.values()}

    def _wait_for_topic(self, stop: threading.Event) -> None:
        """Wait until each spool reaches the position of the sink: its writer may have to recover first. Raises TopicLost."""
        deadline = time.monotonic() + TOPIC_TIMEOUT_SECONDS
        for spool in self._spools.values():
            while (end := spool.consumer.high_watermark()) < spool.position and not stop.wait(self._backoff.next()):
                if time.monotonic() > deadline:
                    raise TopicLost(
                        f"the rows end at position {spool.position} of {spool.topic}, which ends at {end}: "
                        "restore the topic that they came from, or remove both"
                    )


def _in_step(found: Sequence[tuple[_Spool, _Entries]]) -> Sequence[tuple[_Spool, _Entries]]:
    """Leave out entries that were received long after the next one of another spool, because sessions depend on the order of arrival."""
    if len(found) < 2:
        return found
    until = min(_received_at(entries[0]) for _, entries in found) + MAX_AHEAD_MS
    cut = [(spool, list(takewhile(lambda entry: _received_at(entry) <= until, entries))) for spool, entries in found]
    return [(spool, entries) for spool, entries in cut if entries]


def _received_at(entry: Entry | Damage) -> int:
    return 0 if isinstance(entry, Damage) else entry.message.received_at
