"""The tables of schema `state`, which hold the state of the converter, and batches of their rows in Arrow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

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
    """A table of schema `state`: its columns with their DuckDB types; the first `keys` columns are the key."""

    name: str
    columns: Mapping[str, str]
    keys: int = 0

    def create(self) -> str:
        columns = ", ".join(
            f"{name} {duckdb_type}{' NOT NULL' if index < self.keys else ''}"
            for index, (name, duckdb_type) in enumerate(self.columns.items())
        )
        return f"CREATE TABLE IF NOT EXISTS state.{self.name} ({columns})"

    def add_missing_columns(self) -> Iterable[str]:
        """Return SQL that adds the columns that an earlier release did not have: counts, 0 in the existing rows."""
        alter = f"ALTER TABLE state.{self.name} ADD COLUMN IF NOT EXISTS"
        return (f"{alter} {name} {duckdb_type} DEFAULT 0" for name, duckdb_type in self.columns.items())

    def insert(self) -> str:
        """Return SQL that appends the registered batch."""
        return f"INSERT INTO state.{self.name} SELECT * FROM batch"

    def replace(self) -> tuple[str, ...]:
        """Return SQL that appends the registered batch and replaces rows with the same keys; MERGE is slower, it updates each column."""
        insert = self.insert()
        return (f"DELETE FROM state.{self.name} AS stored USING batch WHERE {self._same_keys()}", insert) if self.keys else (insert,)

    def add(self) -> tuple[str, ...]:
        """Return SQL that adds the values of the registered batch to the rows with the same keys, and appends the others."""
        changed = list(self.columns)[self.keys :]
        values = ", ".join(f"{name} = stored.{name} + batch.{name}" for name in changed)
        merge = f"MERGE INTO state.{self.name} AS stored USING batch ON {self._same_keys()}"
        return (f"{merge} WHEN MATCHED THEN UPDATE SET {values} WHEN NOT MATCHED THEN INSERT",)

    def _same_keys(self) -> str:
        return " AND ".join(f"stored.{name} = batch.{name}" for name in list(self.columns)[: self.keys])

    def batch(self, rows: Iterable[Sequence[object]]) -> pa.Table:
        return arrow_table(self.columns, rows)


# Keys of events with the hash of their payload: recent keys in order of arrival, older ones in sorted runs, each with a filter.
EVENTS = StateTable("events", {"high": "BIGINT", "low": "BIGINT", "payload": "BIGINT"})
EVENT_RUNS = StateTable("event_runs", {"run": "BIGINT", "high": "BIGINT", "low": "BIGINT", "payload": "BIGINT"})
EVENT_FILTERS = StateTable("event_filters", {"run": "BIGINT", "page": "BIGINT", "bits": "BLOB"})

LEDGER = StateTable("ledger", {"minute": "BIGINT", "source": "VARCHAR"} | dict.fromkeys(COUNTS, "BIGINT"), keys=2)

POSITIONS = StateTable("positions", {"topic": "VARCHAR", "position": "BIGINT"}, keys=1)


def arrow_table(columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> pa.Table:
    """Make an Arrow table of rows; there must be at least one."""
    arrays: list[Any] = [
        pa.array(values, ARROW_TYPES[duckdb_type]) for values, duckdb_type in zip(zip(*rows, strict=True), columns.values(), strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))
