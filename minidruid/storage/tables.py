"""The tables of the store: rows in schema `druid`, the converter's memory in schema `state`; and batches of them as Arrow."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from minidruid.errors import StoreError
from minidruid.sql.types import quote
from topics.accounts import COUNTS

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP": pa.timestamp("ms"),
    "BLOB": pa.binary(),
}


@dataclass(frozen=True, slots=True)
class StateTable:
    """A table of schema `state`: columns in order with their DuckDB types; the first `keys` of them say which row is meant."""

    name: str
    columns: Mapping[str, str]
    keys: int = 0

    def create(self) -> str:
        columns = ", ".join(
            f"{name} {kind} NOT NULL" if at < self.keys else f"{name} {kind}" for at, (name, kind) in enumerate(self.columns.items())
        )
        return f"CREATE TABLE IF NOT EXISTS state.{self.name} ({columns})"

    def complete(self) -> Iterable[str]:
        """Add the columns that an earlier release did not have: counts, which are 0 in the rows that are there."""
        return (f"ALTER TABLE state.{self.name} ADD COLUMN IF NOT EXISTS {name} {kind} DEFAULT 0" for name, kind in self.columns.items())

    def insert(self) -> str:
        """Append the registered batch."""
        return f"INSERT INTO state.{self.name} SELECT * FROM batch"

    def put(self) -> tuple[str, ...]:
        """Store the registered batch; rows with its keys are replaced. A MERGE would take longer: it updates column by column."""
        insert = self.insert()
        return (f"DELETE FROM state.{self.name} AS stored USING batch WHERE {self._same()}", insert) if self.keys else (insert,)

    def add(self) -> tuple[str, ...]:
        """Add the values of the registered batch to those of the rows with its keys; append the others."""
        changed = list(self.columns)[self.keys :]
        values = ", ".join(f"{name} = stored.{name} + batch.{name}" for name in changed)
        merge = f"MERGE INTO state.{self.name} AS stored USING batch ON {self._same()}"
        return (f"{merge} WHEN MATCHED THEN UPDATE SET {values} WHEN NOT MATCHED THEN INSERT",)

    def _same(self) -> str:
        return " AND ".join(f"stored.{name} = batch.{name}" for name in list(self.columns)[: self.keys])

    def batch(self, rows: Iterable[Sequence[object]]) -> pa.Table:
        return arrow_table(self.columns, rows)


# Keys of events with the hash of their payload: the recent ones in order of arrival, the others in sorted runs with a filter each.
EVENTS = StateTable("events", {"high": "BIGINT", "low": "BIGINT", "payload": "BIGINT"})
EVENT_RUNS = StateTable("event_runs", {"run": "BIGINT", "high": "BIGINT", "low": "BIGINT", "payload": "BIGINT"})
EVENT_FILTERS = StateTable("event_filters", {"run": "BIGINT", "page": "BIGINT", "bits": "BLOB"})

# A party's and a session's hash stand before their names: a join on two numbers is ten times quicker than one on three texts.
SESSION_FIELDS = {
    "site": "VARCHAR",
    "party_id": "VARCHAR",
    "session_id": "VARCHAR",
    "first_at": "BIGINT",
    "last_at": "BIGINT",
    "pages": "BIGINT",
    "engagement_ms": "BIGINT",
    "page_path": "VARCHAR",
    "previous_page_path": "VARCHAR",
    "landing_page_path": "VARCHAR",
    "channel": "VARCHAR",
    "source": "VARCHAR",
}
SESSION_KEYS = {"party_hash": "BIGINT", "session_hash": "BIGINT"}
SESSIONS = StateTable("sessions", SESSION_KEYS | SESSION_FIELDS, keys=2)

# First the numbers of the rows, then these rows: reading all columns along the join takes ten times as long.
_SESSIONS_AT = f"SELECT {', '.join(SESSION_FIELDS)} FROM state.sessions WHERE rowid IN"
_ROWS_OF_BATCH = "SELECT stored.rowid FROM state.sessions AS stored SEMI JOIN batch USING"
SESSION_COUNTS = "SELECT party_hash, count(*) FROM state.sessions SEMI JOIN batch USING (party_hash) GROUP BY party_hash"
SESSIONS_NAMED = f"{_SESSIONS_AT} ({_ROWS_OF_BATCH} (session_hash))"
SESSIONS_AROUND = f"""
WITH mine AS MATERIALIZED (
    SELECT rowid AS place, party_hash, first_at, last_at, session_id FROM state.sessions WHERE rowid IN ({_ROWS_OF_BATCH} (party_hash))
)
{_SESSIONS_AT} (
    SELECT arg_min(place, (-last_at, first_at, session_id))
    FROM mine JOIN batch USING (party_hash) WHERE last_at < instant GROUP BY party_hash, instant
    UNION ALL
    SELECT arg_min(place, (first_at, session_id))
    FROM mine JOIN batch USING (party_hash) WHERE last_at >= instant GROUP BY party_hash, instant
)
"""

LEDGER = StateTable("ledger", {"minute": "BIGINT", "source": "VARCHAR"} | dict.fromkeys(COUNTS, "BIGINT"), keys=2)

# A session goes with the last of its rows.
SESSIONS_WITHOUT_ROWS = """
DELETE FROM state.sessions WHERE session_hash IN (
    SELECT session_hash FROM batch ANTI JOIN druid.clickstream USING (session_id, party_id, site)
)
"""

DEAD_LETTERS = StateTable(
    "dead_letters",
    {
        "topic": "VARCHAR",
        "position": "BIGINT",
        "stage": "VARCHAR",
        "reason": "VARCHAR",
        "text": "VARCHAR",
        "source": "VARCHAR",
        "event_id": "VARCHAR",
        "received_at": "BIGINT",
        "failed_at": "BIGINT",
        "content": "BLOB",
    },
)
POSITIONS = StateTable("positions", {"topic": "VARCHAR", "position": "BIGINT"}, keys=1)
STATE = (EVENTS, EVENT_RUNS, EVENT_FILTERS, SESSIONS, LEDGER, DEAD_LETTERS, POSITIONS)


def delete_sessions(first_at: int) -> str:
    """Return SQL that deletes those of the table `batch`, none of which began before an instant."""
    same = " AND ".join(f"stored.{name} = batch.{name}" for name in SESSION_KEYS)
    return f"DELETE FROM state.sessions AS stored USING batch WHERE {same} AND stored.first_at >= {first_at}"


def hash_of(*names: str) -> int:
    """A signed 64 bit hash of names; the NUL between them occurs in none."""
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def arrow_table(columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> pa.Table:
    """Turn rows of values into a table of these columns; there must be at least one row."""
    arrays: list[Any] = [
        pa.array(values, ARROW_TYPES[kind]) for values, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def create_tables(database: duckdb.DuckDBPyConnection, table: str, wanted: Mapping[str, str]) -> None:
    """Make what is not there yet; a column that is there stays, also when the contract no longer has it."""
    database.execute("CREATE SCHEMA IF NOT EXISTS druid")
    database.execute("CREATE SCHEMA IF NOT EXISTS state")
    for statement in (*(state.create() for state in STATE), *LEDGER.complete()):
        database.execute(statement)
    definitions = ", ".join(f"{quote(name)} {kind}" for name, kind in wanted.items())
    database.execute(f"CREATE TABLE IF NOT EXISTS druid.{table} ({definitions})")
    there = dict(
        database.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'druid' AND table_name = ?", [table]
        ).fetchall()
    )
    for name, kind in wanted.items():
        if name not in there:
            database.execute(f"ALTER TABLE druid.{table} ADD COLUMN {quote(name)} {kind}")
        elif there[name] != kind:
            raise StoreError(
                f"column {name} of {table} is {there[name]}, the contract says {kind}: give the field another name, or move the rows away."
            )
