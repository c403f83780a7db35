"""The memory of a partition is the same whether it was kept or rebuilt from the topics."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.streams.in_memory import DECODER, NOON, SCHEMA, Converting, a_message, a_record, plain_lookups
from support.streams.visits import Visits, batches

from schemas.contract import columns
from startup.memory import memory_bytes
from streams.batches import BatchMaker, make_tools
from streams.kafka.messages import RowWriter, ledger_outputs
from streams.kafka.partition import HOUR_MS, PartitionState
from streams.metrics import Metrics
from streams.sessions.salts import Salts
from streams.settings import Settings
from streams.sink import Batch, Row
from topics.accounts import Account
from topics.kafka.transactions import Output
from topics.topic import Entry, Message

pytestmark = pytest.mark.usefixtures("only_warnings")

MONTH = 24 * 30
TOPIC = "clickstream-avro/0"


@dataclass
class Partition:
    """A maker over a partition's memory, and the topics that it writes."""

    salts: Salts
    window_hours: int = MONTH
    max_bytes: int = 1 << 30
    rows: list[tuple[Output, int]] = field(default_factory=list)
    ledger: list[Output] = field(default_factory=list)
    position: int = 0

    def __post_init__(self) -> None:
        self.writer = RowWriter(columns(SCHEMA))
        self.tools = make_tools(DECODER, plain_lookups(), Settings(), self.salts, Metrics())
        self.memory = PartitionState(self.window_hours, self.max_bytes)
        self.maker = BatchMaker(self.memory, self.tools)

    def take(self, *messages: Message, now: int = NOON) -> Batch:
        """Process the messages as one batch."""
        entries = [Entry(at, at + 1, message) for at, message in enumerate(messages, self.position)]
        self.position += len(messages)
        batch = self.maker.make(TOPIC, entries, now)
        spools = {message.spool: entry.position for entry, message in zip(entries, messages, strict=True)}
        self.rows += [(output, now) for output in self.writer.outputs("json", 0, batch)]
        self.ledger += ledger_outputs("ledger", 0, self.memory.changed_accounts(batch), spools)
        self.memory.committed(batch, spools, now)
        self.maker.committed()
        return batch

    def restart(self) -> None:
        """Start again with the written topics only."""
        self.memory = PartitionState(self.window_hours, self.max_bytes)
        for output, at in self.rows:
            headers = dict(output.headers)
            event = headers["event"]
            assert isinstance(event, bytes)
            self.memory.restore_row(event, output.value or b"", at)
        for output in self.ledger:
            self.memory.restore_ledger(output.key or b"", output.value or b"")
        self.maker = BatchMaker(self.memory, self.tools)

    def written(self) -> list[Row]:
        return [json.loads(output.value or b"") for output, _ in self.rows]


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return Partition(Salts.open(tmp_path / "salts.json"))


@pytest.mark.parametrize("seed", range(12))
def test_rows_are_those_of_one_machine_whenever_the_memory_is_rebuilt(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    converting = Converting(tmp_path)
    partition = Partition(converting.salts)
    for batch in batches(Visits(seed).records, chance, 20):
        now = converting.clock.now = batch[-1]["received_at"]
        messages = [a_message(record) for record in batch]
        rows = converting.take(*messages)
        if chance.random() < 0.2:
            partition.restart()
        written = len(partition.rows)
        made = partition.take(*messages, now=now)
        assert partition.written()[written:] == rows
        assert [(letter.reason, letter.event_id) for letter in made.dead_letters] == [
            (letter.reason, letter.event_id)
            for letter in converting.sink.dead_letters[len(converting.sink.dead_letters) - len(made.dead_letters) :]
        ]


def test_accounts_are_whole_sums_by_spool_also_after_a_restart(partition: Partition) -> None:
    first, second = a_message(), a_message()
    partition.take(*(Message(m.kind, m.received_at, m.source, m.key, m.event_id, m.value, "aa") for m in (first, second)))
    partition.restart()
    partition.take(Message(first.kind, first.received_at, first.source, first.key, first.event_id, first.value, "bb"))
    assert partition.memory.accounts == {("aa", NOON, "browser"): Account(stored=2), ("bb", NOON, "browser"): Account(duplicates=1)}
    assert partition.memory.spools == {"aa": 1, "bb": 2}
    last = partition.ledger[-2]
    assert json.loads(last.key or b"") == ["account", "bb", NOON, "browser"]
    assert json.loads(last.value or b"") == {"stored": 0, "duplicates": 1, "dead_letters": 0}


def test_rows_that_were_deleted_since_change_no_account_of_a_converter(partition: Partition) -> None:
    partition.take(a_message())
    before = dict(partition.memory.accounts)
    partition.ledger.append(Output("ledger", 0, json.dumps(["deleted", "", NOON, "browser"]).encode(), b'{"deleted":1}'))
    partition.restart()
    assert partition.memory.accounts == before == {("", NOON, "browser"): Account(stored=1)}


def test_ids_before_the_window_are_forgotten_and_none_within_it(tmp_path: Path) -> None:
    partition = Partition(Salts.open(tmp_path / "salts.json"), window_hours=24)
    message = a_message(a_record(at=NOON))
    partition.take(message)
    assert partition.take(message, now=NOON + 24 * HOUR_MS).rows == []
    partition.take(a_message(a_record(site="blog")), now=NOON + 25 * HOUR_MS)
    partition.restart()
    [row] = partition.take(message, now=NOON + 25 * HOUR_MS).rows
    assert row["is_session_start"] == 1


def test_accounts_leave_memory_after_48_hours(partition: Partition) -> None:
    partition.take(a_message())
    partition.take(a_message(a_record(at=NOON + 49 * HOUR_MS)), now=NOON + 49 * HOUR_MS)
    assert list(partition.memory.accounts) == [("", NOON + 49 * HOUR_MS, "browser")]


def test_memory_has_a_bound_and_what_is_oldest_leaves_first(tmp_path: Path) -> None:
    bound = 200_000
    partition = Partition(Salts.open(tmp_path / "salts.json"), window_hours=24, max_bytes=bound)
    visitor = {"party_kind": "consented", "party_id": "visitor", "session_id": "s"}
    sent = []
    for number in range(40):
        flood = [a_record(party_kind="consented", party_id=f"{number}/{one}", session_id=f"{one}") for one in range(20)]
        sent += [a_message(record) for record in [*flood, a_record(**visitor)]]
        partition.take(*sent[-21:])
        assert partition.memory.held_bytes < bound * 1.2
    rows = partition.written()
    assert [row["session_page_number"] for row in rows if row["party_id"] == "visitor"] == list(range(1, 41)), "who is seen stays"
    assert partition.memory.forgotten_early > 400
    assert partition.take(sent[-1]).rows == [], "the newest are known"
    assert len(partition.take(sent[0]).rows) == 1, "the oldest are not"
    partition.restart()
    assert partition.memory.held_bytes < bound * 1.2
    assert partition.take(sent[-1]).rows == []


def test_parties_that_are_always_seen_hold_no_more_than_others(tmp_path: Path) -> None:
    bound = 300_000
    partition = Partition(Salts.open(tmp_path / "salts.json"), window_hours=24, max_bytes=bound)
    for number in range(60):
        flood = [
            a_record(party_kind="consented", party_id=f"{party}", session_id=f"{number}/{one}") for party in range(5) for one in range(4)
        ]
        partition.take(*map(a_message, flood))
        assert partition.memory.held_bytes < bound * 1.2
    assert sum(partition.memory.session_counts([("shop", f"{party}") for party in range(5)]).values()) < 250
    assert partition.take(a_message(flood[-1])).rows == [], "the newest ids are known all the same"


def test_the_memory_that_there_is_is_the_machine_s_or_the_container_s(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = memory_bytes(limit)
    assert machine > 1 << 28
    limit.write_text("max\n")
    assert memory_bytes(limit) == machine
    limit.write_text("268435456\n")
    assert memory_bytes(limit) == 1 << 28
