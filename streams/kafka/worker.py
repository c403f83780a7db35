"""The converter's loop on Kafka: fetch, make a batch of each partition, commit all of them in one transaction."""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import structlog

from schemas.contract import Column
from startup.memory import memory_bytes
from streams.batches import BatchMaker, Tools
from streams.kafka.confluent_messages import ConfluentMessages
from streams.kafka.messages import NO_POSITION, RowWriter, dead_letter_output, ledger_outputs, settled_output, to_entry
from streams.kafka.partition import HOUR_MS, PartitionState
from streams.metrics import Metrics
from streams.reports import Reports
from streams.settings import Settings
from streams.sink import Batch
from topics.kafka.registry import RegistryError
from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import Fetched, Output, TransactionFailed, Transactions, read_partition
from topics.topic import Entry

log = structlog.get_logger()

FETCH_SECONDS: Final = 0.25  # waiting for a message; short, because a stop waits for it
MAX_BACKOFF_SECONDS: Final = 5.0
LAG_INTERVAL_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 15.0  # without a message: ask the brokers whether there are more
SETTLED_SECONDS: Final = 1.0  # after an assignment: a worker that has fetched nothing by then has nothing to fetch
REGISTRY_RETRY_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Partition:
    """An assigned partition: its state, the maker of its batches, the next offset to read."""

    number: int
    offset: int
    state: PartitionState
    maker: BatchMaker


@dataclass(slots=True)
class _Result:
    """The results of the messages of one partition."""

    partition: _Partition
    offset: int
    batch: Batch | None = None
    spools: dict[str, int] = field(default_factory=dict)
    replays: dict[int, bytes] = field(default_factory=dict)  # offset of a replay to the origin of its dead letter
    redelivered: int = 0


class KafkaWorker:
    """Converts the partitions that the group assigns to it, until stopped.

    Rows, dead letters, accounts and offsets are one transaction. The state in memory follows the committed output. If the committed offset
    of a partition is not that of its state, the state is rebuilt from the output.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        columns: Sequence[Column],
        confluent: ConfluentMessages,
        tools: Tools,
        clock: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._settings, self._kafka, self._tools, self._clock = settings, kafka, tools, clock
        self._source, self._rows = kafka.topic("avro"), kafka.topic("json")
        self._ledger, self._letters = kafka.topic("ledger"), kafka.topic("dead-letters")
        self._confluent, self._writer = confluent, RowWriter(columns)
        self._partitions: dict[int, _Partition] = {}
        self._lags: dict[int, int] = {}
        self._memory_bytes = memory_bytes() // 2 if settings.memory_bytes is None else settings.memory_bytes
        self._held: Sequence[Fetched] = ()  # messages that wait for the schema registry
        self._lags_at = 0.0
        self._assigned_at, self._fetched_at = math.inf, 0.0
        self._empty_until: dict[int, int] = {}  # offsets before which a new client found no messages
        self._reports = Reports()
        self.metrics = metrics
        self._counts = metrics.watch_kafka(lambda: {self._topic(number): lag for number, lag in self._lags.items()})
        self._not_ready_reason = "nothing was converted since the start"

    def not_ready_reason(self) -> str:
        """Return the reason that nothing is converted, or an empty text."""
        return self._not_ready_reason

    def run(self, stop: threading.Event) -> None:
        """Convert until `stop` is set; the current transaction is finished first."""
        log.info("converter started", topic=self._source, instance=self._settings.instance)
        backoff = 0.0
        while not stop.is_set():
            try:
                with closing(self.join()) as transactions:
                    while not stop.is_set():
                        backoff = 0.0 if self.step(transactions) else backoff
                        if self._held:
                            stop.wait(REGISTRY_RETRY_SECONDS)
            except TransactionFailed as error:
                self._not_ready_reason = str(error)
                self._counts.failed_transactions.inc()
                backoff = min(max(2 * backoff, 0.1), MAX_BACKOFF_SECONDS)
                log.warning("restarting at the committed offsets", topic=self._source, reason=str(error), backoff_seconds=backoff)
                stop.wait(backoff)
        self._reports.flush()
        log.info("converter stopped", topic=self._source)

    def step(self, transactions: Transactions) -> int:
        """Fetch, convert and commit up to one batch; return the number of messages."""
        found = self._held or transactions.fetch(self._settings.batch_messages, FETCH_SECONDS)
        started = time.perf_counter()
        now = self._clock()
        if found:
            self._commit_or_hold(transactions, found, now, started)
            self._fetched_at = started
        elif started - self._fetched_at >= SILENCE_SECONDS:
            self._fetched_at = started
            self._check_silence(transactions)
        elif started - self._assigned_at >= SETTLED_SECONDS:
            self._not_ready_reason = ""  # nothing waits
        self._tools.salts.renew((), now)
        self._reports.flush_if_due()
        if started - self._lags_at >= LAG_INTERVAL_SECONDS:
            self._lags_at = started
            self._lags = {number: max(0, end - self._partitions[number].offset) for number, end in transactions.ends().items()}
        return len(found)

    def _check_silence(self, transactions: Transactions) -> None:
        """Raise TransactionFailed if the brokers have more messages than were fetched, so that a new client fetches them.

        Offsets that a new client does not fetch either are not messages, but the markers of a transaction.
        """
        offsets = {number: partition.offset for number, partition in self._partitions.items()}
        unread = transactions.unread({number: max(offset, self._empty_until.get(number, 0)) for number, offset in offsets.items()})
        self._empty_until |= unread
        if unread:
            raise TransactionFailed(f"nothing of {self._source} was fetched for {SILENCE_SECONDS:.0f} s, although there are more messages")

    def join(self) -> Transactions:
        self._held = ()  # will be fetched again
        self._assigned_at, self._fetched_at = math.inf, time.perf_counter()
        group = f"{self._kafka.prefix}-converter"
        return Transactions.open(self._kafka, topic=self._source, group=group, instance=self._settings.instance, on_assigned=self._assign)

    def _assign(self, offsets: Mapping[int, int]) -> None:
        """Prepare the state of each assigned partition; a state at the committed offset is kept, any other is rebuilt."""
        starts = {number: max(offset, 0) for number, offset in offsets.items()}
        kept = {number: partition for number, partition in self._partitions.items() if starts.get(number) == partition.offset}
        max_bytes = self._memory_bytes // max(1, len(starts))
        self._partitions = {number: kept.get(number) or self._rebuild(number, offset, max_bytes) for number, offset in starts.items()}
        for partition in self._partitions.values():
            partition.state.max_bytes = max_bytes
        self._lags = {}
        self._assigned_at = time.perf_counter()  # an assignment alone is not readiness: the next commit may fail like the last one
        log.info("partitions assigned", topic=self._source, partitions=sorted(starts), rebuilt=sorted(starts.keys() - kept.keys()))

    def _rebuild(self, number: int, offset: int, max_bytes: int) -> _Partition:
        started, now = time.perf_counter(), self._clock()
        window = self._settings.window_hours
        state = PartitionState(window, max_bytes)
        rows = 0
        for found in read_partition(self._kafka, self._rows, number, now - window * HOUR_MS):
            if (event := found.headers.get("event")) and found.value:
                state.restore_row(event, found.value, found.timestamp)
                rows += 1
        for found in read_partition(self._kafka, self._ledger, number):
            if found.key and found.value:
                state.restore_ledger(found.key, found.value)
        seconds = time.perf_counter() - started
        self._counts.restore_seconds.observe(seconds)
        log.info("state rebuilt", topic=self._rows, partition=number, offset=offset, rows=rows, duration_ms=round(seconds * 1000))
        return _Partition(number, offset, state, BatchMaker(state, self._tools))

    def _commit_or_hold(self, transactions: Transactions, found: Sequence[Fetched], now: int, started: float) -> None:
        """Commit, or hold the messages until the schema registry responds; the group is not affected."""
        try:
            self._commit(transactions, found, now, started)
        except RegistryError as error:
            if not self._held:
                log.warning("waiting for the schema registry", topic=self._source, reason=str(error))
            self._held, self._not_ready_reason = found, str(error)
        else:
            self._held, self._not_ready_reason = (), ""

    def _commit(self, transactions: Transactions, found: Sequence[Fetched], now: int, started: float) -> None:
        """Convert messages and commit the results of all partitions in one transaction:

        1. Group the messages by partition, without those of partitions that were revoked since the fetch.
        2. Make a batch of each partition, without redelivered messages.
        3. Collect the outputs of all batches: rows, dead letters, tombstones, accounts, spool positions.
        4. Commit the outputs and the next offsets. From here on, they survive any crash.
        5. Update the state in memory: offsets, event ids, sessions, accounts, metrics.

        If one of the steps 2 to 4 fails, drop the cached sessions, which are ahead of the committed output.
        """
        by_partition: defaultdict[int, list[Fetched]] = defaultdict(list)
        for message in found:
            if message.partition in self._partitions:
                by_partition[message.partition].append(message)
        results: list[_Result] = []
        try:
            for number, messages in by_partition.items():
                results.append(self._make(self._partitions[number], messages, now))
            outputs = [output for result in results for output in self._outputs(result)]
            transactions.commit(outputs, {result.partition.number: result.offset for result in results})
        except BaseException:
            for number in by_partition:
                self._partitions[number].maker.forget()
            raise
        seconds = time.perf_counter() - started
        for result in results:
            self._committed(result, now, seconds)

    def _make(self, partition: _Partition, messages: Sequence[Fetched], now: int) -> _Result:
        result = _Result(partition, partition.offset)
        entries: list[Entry] = []
        last = dict(partition.state.spools)
        for message in messages:
            if message.offset < result.offset:  # fetched before the partition was revoked and assigned again
                continue
            result.offset = message.offset + 1
            entry, position = to_entry(message, self._confluent.restore)
            spool = entry.message.spool
            if position != NO_POSITION:
                if position <= last.get(spool, NO_POSITION):
                    result.redelivered += 1
                    continue
                last[spool] = result.spools[spool] = position
            elif replay := message.headers.get("replay-of"):
                result.replays[message.offset] = replay
            entries.append(entry)
        if entries:
            result.batch = partition.maker.make(self._topic(partition.number), entries, now)
        return result

    def _outputs(self, result: _Result) -> list[Output]:
        batch, number = result.batch, result.partition.number
        if batch is None:
            return []
        outputs = list(self._writer.outputs(self._rows, number, batch))
        settled = set(result.replays.values())
        for letter in batch.dead_letters:
            origin = result.replays.get(letter.position) or letter.origin.encode()
            settled.discard(origin)
            outputs.append(dead_letter_output(self._letters, letter, origin))
        outputs += [settled_output(self._letters, origin) for origin in settled]
        outputs += ledger_outputs(self._ledger, number, result.partition.state.changed_accounts(batch), result.spools)
        return outputs

    def _committed(self, result: _Result, now: int, seconds: float) -> None:
        partition = result.partition
        partition.offset = result.offset
        self._counts.redelivered.inc(result.redelivered)
        if result.batch is not None:
            forgotten = partition.state.forgotten_early
            partition.state.committed(result.batch, result.spools, now)
            self._counts.forgotten_early.inc(partition.state.forgotten_early - forgotten)
            partition.maker.committed()
            self.metrics.committed(result.batch, seconds)
            self._reports.committed(result.batch, len(result.batch.rows), seconds)

    def _topic(self, number: int) -> str:
        return f"{self._source}/{number}"
