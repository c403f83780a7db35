"""Twelve million stored events, at the default settings, in a file as 0.3.0 left it: the store starts, takes events and answers."""

import signal
from pathlib import Path

import duckdb
from support.headrace.store_process import a_store, accounted, count, write_topic
from support.streams.process import open_store
from support.waiting import wait_until

STORED = 12_000_000
NEW = 500


def fill(path: Path) -> None:
    """Append twelve million ids to the existing ones, and remove the tables that 0.3.0 did not have."""
    signed = "(hash({})::HUGEINT - 9223372036854775808)::BIGINT"
    with duckdb.connect(str(path)) as database:
        database.execute("DROP TABLE IF EXISTS state.event_runs")
        database.execute("DROP TABLE IF EXISTS state.event_filters")
        database.execute(
            f"INSERT INTO state.events SELECT {signed.format('i')}, {signed.format('i + 1000000000')}, i FROM range({STORED}) AS t(i)"
        )


def test_a_store_of_twelve_million_events_takes_new_ones_and_knows_the_first_after_every_restart(tmp_path: Path) -> None:
    write_topic(tmp_path, range(NEW))
    with a_store(tmp_path) as (process, _):
        wait_until(lambda: accounted(tmp_path) == NEW, within_seconds=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    fill(tmp_path / "store.duckdb")
    for start in (1, 2):
        write_topic(tmp_path, range(NEW * start))
        write_topic(tmp_path, range(NEW * start, NEW * (start + 1)))
        duplicates = NEW * sum(range(start + 1))
        with a_store(tmp_path) as (_, url):  # killed at the end
            wait_until(lambda: accounted(tmp_path) + accounted(tmp_path, "duplicates") == NEW * (start + 1) + duplicates, within_seconds=80)  # noqa: B023
            assert (accounted(tmp_path), count(url)) == (NEW * (start + 1), NEW * (start + 1))
    store = open_store(tmp_path)
    with store.cursor() as cursor:
        ((unsorted, in_runs),) = cursor.execute(
            "SELECT (SELECT count(*) FROM state.events), (SELECT count(*) FROM state.event_runs)"
        ).fetchall()
    store.close()
    assert unsorted + in_runs == STORED + 3 * NEW
    assert unsorted < STORED / 2
