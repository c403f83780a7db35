"""Seen event keys: exact whatever their number, in filters that are bounded."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidruid.storage import seen_keys
from minidruid.storage.bloom import BITS_PER_KEY, add, fold, might_contain, select_filter
from minidruid.storage.readers import Readers
from minidruid.storage.seen_keys import SeenKeys, split_key
from minidruid.storage.tables import EVENT_FILTERS, EVENT_RUNS, EVENTS
from minidruid.storage.writer import Writer

RUN = 8


@contextmanager
def limits(run_keys: int, filter_bytes: int, max_filters: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_keys, "RUN_KEYS", run_keys)
        patch.setattr(seen_keys, "FILTER_BYTES", filter_bytes)
        patch.setattr(seen_keys, "MAX_FILTERS", max_filters)
        patch.setattr(seen_keys, "MAX_POINT_LOOKUPS", 2)
        patch.setattr(seen_keys, "PAGE_BYTES", 8)
        yield


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with a_database() as database:
        yield database


@contextmanager
def a_database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("CREATE SCHEMA state")
        for table in (EVENTS, EVENT_RUNS, EVENT_FILTERS):
            database.execute(table.create())
        yield database


def key(number: int) -> bytes:
    return random.Random(number).randbytes(16)


def insert(database: duckdb.DuckDBPyConnection, numbers: range) -> list[tuple[int, int, int]]:
    pairs = [(*split_key(key(number)), number) for number in numbers]
    if pairs:
        database.executemany("INSERT INTO state.events VALUES (?, ?, ?)", pairs)
    return pairs


def keys_seen_by(database: duckdb.DuckDBPyConnection) -> SeenKeys:
    return SeenKeys(Writer(database, Readers(database.cursor), Path("no log")))


def tables(database: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    tails = ("count(*) FROM state.events", "count(*) FROM state.event_runs", "count(DISTINCT run) FROM state.event_filters")
    counts = f"SELECT {', '.join(f'(SELECT {tail})' for tail in tails)}"
    ((recent, sorted_, runs),) = database.execute(counts).fetchall()
    return recent, sorted_, runs


around_changes = st.sampled_from([0, 1, 2, RUN - 1, RUN, RUN + 1, 2 * RUN, 2 * RUN + 1, 4 * RUN - 1, 4 * RUN + 1, 9 * RUN])
batches = st.lists(st.tuples(st.sampled_from([0, 1, 2, RUN - 1, RUN, RUN + 1, 3 * RUN]), st.booleans()), max_size=12)


@settings(max_examples=60)
@given(around_changes, batches)
def test_every_stored_key_is_known_and_no_other_at_every_size_and_after_every_restart(old: int, batches: list[tuple[int, bool]]) -> None:
    """`old` keys lie in the table as 0.3.0 left them; from the third run on the filters of the oldest are halved."""
    with a_database() as database, limits(RUN, 16, 2):
        insert(database, range(old))
        seen, stored = keys_seen_by(database), old
        for size, restarts in batches:
            if restarts:
                seen = keys_seen_by(database)
            asked = [key(number) for number in range(stored + size)]
            assert seen.payloads(asked) == {key(number): number for number in range(stored)}
            seen.add(insert(database, range(stored, stored + size)))
            stored += size
        assert seen.payloads(key(number) for number in range(stored)) == {key(number): number for number in range(stored)}
        recent, in_runs, _ = tables(database)
        assert recent + in_runs == stored


def test_recent_keys_become_sorted_runs_one_step_a_batch(database: duckdb.DuckDBPyConnection) -> None:
    with limits(RUN, 16, 2):
        insert(database, range(3 * RUN + 2))
        seen = keys_seen_by(database)
        for runs in range(1, 4):
            seen.payloads([key(0)])
            assert tables(database) == (3 * RUN + 2 - runs * RUN, runs * RUN, runs)
        seen.payloads([key(0)])
        assert tables(database) == (2, 3 * RUN, 3)
        numbers = database.execute("SELECT high FROM state.event_runs WHERE run = 2").fetchall()
        assert numbers == sorted(numbers)


def test_a_step_for_which_there_is_no_memory_is_put_off_and_lookups_stay_exact(database: duckdb.DuckDBPyConnection) -> None:
    insert(database, range(100))
    seen = keys_seen_by(database)
    database.execute("SET memory_limit = '6MB'")
    assert seen.payloads([key(1), key(100)]) == {key(1): 1}
    assert seen._recent is None
    database.execute("SET memory_limit = '256MB'")
    assert seen.payloads([key(1), key(100)]) == {key(1): 1}
    assert seen._recent is None
    seen._maintain_at = 0  # so much time has passed
    assert seen.payloads([key(1), key(100)]) == {key(1): 1}
    assert seen._recent is not None


def test_a_run_that_cannot_be_written_leaves_everything_as_it_was(database: duckdb.DuckDBPyConnection) -> None:
    with limits(RUN, 16, 2):
        insert(database, range(RUN))
        seen = keys_seen_by(database)
        database.execute("ALTER TABLE state.event_runs RENAME TO elsewhere")
        with pytest.raises(duckdb.CatalogException):
            seen.payloads([key(0)])
        database.execute("ALTER TABLE state.elsewhere RENAME TO event_runs")
        assert tables(database) == (RUN, 0, 0)
        assert seen.payloads([key(0), key(RUN)]) == {key(0): 0}


def test_keys_that_share_a_half_are_distinct(database: duckdb.DuckDBPyConnection) -> None:
    with limits(2, 16, 2):
        first, second = b"a" * 8 + b"b" * 8, b"a" * 8 + b"c" * 8
        seen = keys_seen_by(database)
        pairs = [(*split_key(first), 1), (*split_key(b"z" * 16), 2)]
        database.executemany("INSERT INTO state.events VALUES (?, ?, ?)", pairs)
        seen.add(pairs)
        assert seen.payloads([first, second]) == {first: 1}
        assert seen.payloads([second, b"c" * 8 + b"b" * 8]) == {}


def test_filters_never_exceed_their_bound(database: duckdb.DuckDBPyConnection) -> None:
    with limits(RUN, 64, 2):
        insert(database, range(20 * RUN))
        seen = keys_seen_by(database)
        for _ in range(21):
            seen.payloads([key(0)])
            assert sum(map(len, seen._runs)) <= 2 * 64
        assert sum(map(len, keys_seen_by(database)._runs)) <= 2 * 64


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=200), st.integers(0, 4))
def test_a_key_stays_in_a_filter_however_often_it_is_halved(highs: list[int], times: int) -> None:
    bits = bytearray(16)  # too small for most of them
    for high in highs:
        add(bits, high)
    folded = bytes(bits)
    for _ in range(times):
        folded = fold(folded)
    assert len(folded) == 16 >> times
    assert all(might_contain([bytes(16), folded], high) == [1] for high in highs)


def test_one_key_in_a_thousand_is_looked_up_for_nothing_in_a_full_filter() -> None:
    dice = random.Random(3)
    bits = bytearray(1 << 14)
    for _ in range(len(bits) * 8 // BITS_PER_KEY):
        add(bits, split_key(dice.randbytes(16))[0])
    assert sum(bool(might_contain([bits], split_key(dice.randbytes(16))[0])) for _ in range(20_000)) < 40


def test_a_filter_read_from_a_table_is_the_one_that_was_built(database: duckdb.DuckDBPyConnection) -> None:
    bits = bytearray(256)
    for high, _, _ in insert(database, range(100)):
        add(bits, high)
    assert database.execute(select_filter("state.events", 256)).fetchall() == [(bytes(bits),)]
