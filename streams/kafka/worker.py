"""The converter's loop on Kafka: fetch, make a batch of each partition, commit them all as one transaction."""

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

WAIT_SECONDS: Final = 0.25  # for the first message; the sooner the stop is seen
LONGEST_PAUSE_SECONDS: Final = 5.0
SECONDS_BETWEEN_LOOKS: Final = 1.0
SILENCE_SECONDS: Final = 15.0  # after so long without a message, the brokers are asked whether there are more
SETTLED_SECONDS: Final = 1.0  # after an assignment: whoever then has fetched nothing has nothing to fetch
SECONDS_BETWEEN_QUESTIONS: Final = 1.0  # to a registry that does not answer


@dataclass(slots=True)
class _Partition:
    """One partition in our hands: its memory, the maker of its batches, the next offset to read."""

    number: int
    offset: int
    memory: PartitionState
    maker: BatchMaker


@dataclass(slots=True)
class _Step:
    """What the messages of one partition lead to."""

    partition: _Partition
    offset: int
    batch: Batch | None = None
    spools: dict[str, int] = field(default_factory=dict)
    replays: dict[int, bytes] = field(default_factory=dict)  # offset to the origin of the dead letter
    redelivered: int = 0


class KafkaWorker:
    """Converts the partitions that the group gives it, until told to stop.

    Rows, dead letters, accounts and offsets are one transaction. Memory follows only what is committed; where the committed offset of a
    partition is not the one that it stands at, it is rebuilt from what was written.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        columns: Sequence[Column],
        foreign: ConfluentMessages,
        tools: Tools,
        clock: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._settings, self._kafka, self._tools, self._clock = settings, kafka, tools, clock
        self._source, self._rows = kafka.topic("avro"), kafka.topic("json")
        self._ledger, self._letters = kafka.topic("ledger"), kafka.topic("dead-letters")
        self._foreign, self._writer = foreign, RowWriter(columns)
        self._partitions: dict[int, _Partition] = {}
        self._lags: dict[int, int] = {}
        self._memory_bytes = memory_bytes() // 2 if settings.memory_bytes is None else settings.memory_bytes
        self._held: Sequence[Fetched] = ()  # what waits for the registry of schemas
        self._looked_at = 0.0
        self._assigned_at, self._heard_at = math.inf, 0.0
        self._empty_until: dict[int, int] = {}  # offsets up to which a partition was found to have no more messages
        self._reports = Reports()
        self.metrics = metrics
        self._counts = metrics.watch_kafka(lambda: {self._topic(number): lag for number, lag in self._lags.items()})
        self._fault = "nothing was converted since the start"

    def not_ready_reason(self) -> str:
        """Say why nothing is converted, or nothing."""
        return self._fault

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the transaction in hand is finished first."""
        log.info("converter started", topic=self._source, instance=self._settings.instance)
        pause = 0.0
        while not stop.is_set():
            try:
                with closing(self.join()) as transactions:
                    while not stop.is_set():
                        pause = 0.0 if self.step(transactions) else pause
                        if self._held:
                            stop.wait(SECONDS_BETWEEN_QUESTIONS)
            except TransactionFailed as error:
                self._fault = str(error)
                self._counts.failed_transactions.inc()
                pause = min(max(2 * pause, 0.1), LONGEST_PAUSE_SECONDS)
                log.warning("begins anew at the committed offsets", topic=self._source, reason=str(error), pause_seconds=pause)
                stop.wait(pause)
        self._reports.flush()
        log.info("converter stopped", topic=self._source)

    def step(self, transactions: Transactions) -> int:
        """Deal with what has come, up to one batch; give the number of messages."""
        found = self._held or transactions.fetch(self._settings.batch_messages, WAIT_SECONDS)
        started = time.perf_counter()
        now = self._clock()
        if found:
            self._commit_or_hold(transactions, found, now, started)
            self._heard_at = started
        elif started - self._heard_at >= SILENCE_SECONDS:
            self._heard_at = started
            self._check_silence(transactions)
        elif started - self._assigned_at >= SETTLED_SECONDS:
            self._fault = ""  # nothing waits
        self._tools.salts.renew((), now)
        self._reports.pause()
        if started - self._looked_at >= SECONDS_BETWEEN_LOOKS:
            self._looked_at = started
            self._lags = {number: max(0, end - self._partitions[number].offset) for number, end in transactions.ends().items()}
        return len(found)

    def _check_silence(self, transactions: Transactions) -> None:
        """Raise TransactionFailed if nothing was fetched for a while though the brokers have more: a new client fetches it.

        What even a new client does not fetch is no message, but marks the end of somebody's transaction.
        """
        offsets = {number: partition.offset for number, partition in self._partitions.items()}
        unread = transactions.unread({number: max(offset, self._empty_until.get(number, 0)) for number, offset in offsets.items()})
        self._empty_until |= unread
        if unread:
            raise TransactionFailed(f"nothing of {self._source} was fetched for {SILENCE_SECONDS:.0f} s, though there is more to read")

    def join(self) -> Transactions:
        self._held = ()  # it is fetched again
        self._assigned_at, self._heard_at = math.inf, time.perf_counter()
        group = f"{self._kafka.prefix}-converter"
        return Transactions.open(
            self._kafka, topic=self._source, group=group, instance=self._settings.instance, on_assigned=self._take_over
        )

    def _take_over(self, offsets: Mapping[int, int]) -> None:
        """Have the memory of each partition at hand; what nobody else has moved meanwhile is kept as it is."""
        starts = {number: max(offset, 0) for number, offset in offsets.items()}
        kept = {number: held for number, held in self._partitions.items() if starts.get(number) == held.offset}
        max_bytes = self._memory_bytes // max(1, len(starts))
        self._partitions = {number: kept.get(number) or self._restored(number, offset, max_bytes) for number, offset in starts.items()}
        for held in self._partitions.values():
            held.memory.max_bytes = max_bytes
        self._lags = {}
        self._assigned_at = time.perf_counter()  # not ready by that alone: the next commit may fail as the last did
        log.info("partitions assigned", topic=self._source, partitions=sorted(starts), restored=sorted(starts.keys() - kept.keys()))

    def _restored(self, number: int, offset: int, max_bytes: int) -> _Partition:
        started, now = time.perf_counter(), self._clock()
        window = self._settings.window_hours
        memory = PartitionState(window, max_bytes)
        rows = 0
        for found in read_partition(self._kafka, self._rows, number, now - window * HOUR_MS):
            if (event := found.headers.get("event")) and found.value:
                memory.restore_row(event, found.value, found.timestamp)
                rows += 1
        for found in read_partition(self._kafka, self._ledger, number):
            if found.key and found.value:
                memory.restore_ledger(found.key, found.value)
        seconds = time.perf_counter() - started
        self._counts.restore_seconds.observe(seconds)
        log.info("memory rebuilt", topic=self._rows, partition=number, offset=offset, rows=rows, duration_ms=round(seconds * 1000))
        return _Partition(number, offset, memory, BatchMaker(memory, self._tools))

    def _commit_or_hold(self, transactions: Transactions, found: Sequence[Fetched], now: int, started: float) -> None:
        """Commit, or keep what was fetched until the registry of schemas answers; the group need not know."""
        try:
            self._commit(transactions, found, now, started)
        except RegistryError as error:
            if not self._held:
                log.warning("waits for the registry of schemas", topic=self._source, reason=str(error))
            self._held, self._fault = found, str(error)
        else:
            self._held, self._fault = (), ""

    def _commit(self, transactions: Transactions, found: Sequence[Fetched], now: int, started: float) -> None:
        by_partition: defaultdict[int, list[Fetched]] = defaultdict(list)
        for message in found:
            if message.partition in self._partitions:  # else taken from us since it was fetched
                by_partition[message.partition].append(message)
        steps: list[_Step] = []
        try:
            for number, messages in by_partition.items():
                steps.append(self._make(self._partitions[number], messages, now))
            outputs = [output for step in steps for output in self._outputs(step)]
            transactions.commit(outputs, {step.partition.number: step.offset for step in steps})
        except BaseException:
            for number in by_partition:
                self._partitions[number].maker.forget()
            raise
        seconds = time.perf_counter() - started
        for step in steps:
            self._committed(step, now, seconds)

    def _make(self, partition: _Partition, messages: Sequence[Fetched], now: int) -> _Step:
        step = _Step(partition, partition.offset)
        entries: list[Entry] = []
        last = dict(partition.memory.spools)
        for message in messages:
            if message.offset < step.offset:  # fetched before the partition was given back and forth
                continue
            step.offset = message.offset + 1
            entry, position = to_entry(message, self._foreign.restore)
            spool = entry.message.spool
            if position != NO_POSITION:
                if position <= last.get(spool, NO_POSITION):
                    step.redelivered += 1
                    continue
                last[spool] = step.spools[spool] = position
            elif replay := message.headers.get("replay-of"):
                step.replays[message.offset] = replay
            entries.append(entry)
        if entries:
            step.batch = partition.maker.make(self._topic(partition.number), entries, now)
        return step

    def _outputs(self, step: _Step) -> list[Output]:
        batch, number = step.batch, step.partition.number
        if batch is None:
            return []
        outputs = list(self._writer.outputs(self._rows, number, batch))
        settled = set(step.replays.values())
        for letter in batch.dead_letters:
            origin = step.replays.get(letter.position) or letter.origin.encode()
            settled.discard(origin)
            outputs.append(dead_letter_output(self._letters, letter, origin))
        outputs += [settled_output(self._letters, origin) for origin in settled]
        outputs += ledger_outputs(self._ledger, number, step.partition.memory.changed_accounts(batch), step.spools)
        return outputs

    def _committed(self, step: _Step, now: int, seconds: float) -> None:
        partition = step.partition
        partition.offset = step.offset
        self._counts.redelivered.inc(step.redelivered)
        if step.batch is not None:
            forgotten = partition.memory.forgotten_early
            partition.memory.committed(step.batch, step.spools, now)
            self._counts.forgotten_early.inc(partition.memory.forgotten_early - forgotten)
            partition.maker.committed()
            self.metrics.committed(step.batch, seconds)
            self._reports.committed(step.batch, len(step.batch.rows), seconds)

    def _topic(self, number: int) -> str:
        return f"{self._source}/{number}"
