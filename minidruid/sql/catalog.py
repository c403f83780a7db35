"""What can be asked for: the tables of the store, and Druid's tables about tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from minidruid.sql.functions.aggregates import AGGREGATES
from minidruid.sql.functions.scalar import FUNCTIONS
from minidruid.sql.types import IN_DUCKDB, JDBC_TYPES, OF_DUCKDB, Kind, quote, text

Columns = Mapping[str, Kind]

SCHEMAS = ("INFORMATION_SCHEMA", "druid", "lookup", "sys", "view")

SYSTEM_COLUMNS: Mapping[str, Mapping[str, Columns]] = {
    "INFORMATION_SCHEMA": {
        "SCHEMATA": dict.fromkeys(
            (
                "CATALOG_NAME",
                "SCHEMA_NAME",
                "SCHEMA_OWNER",
                "DEFAULT_CHARACTER_SET_CATALOG",
                "DEFAULT_CHARACTER_SET_SCHEMA",
                "DEFAULT_CHARACTER_SET_NAME",
                "SQL_PATH",
            ),
            Kind.VARCHAR,
        ),
        "TABLES": dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "IS_JOINABLE", "IS_BROADCAST"), Kind.VARCHAR),
        "COLUMNS": {
            **dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"), Kind.VARCHAR),
            "ORDINAL_POSITION": Kind.BIGINT,
            **dict.fromkeys(("COLUMN_DEFAULT", "IS_NULLABLE", "DATA_TYPE"), Kind.VARCHAR),
            **dict.fromkeys(
                (
                    "CHARACTER_MAXIMUM_LENGTH",
                    "CHARACTER_OCTET_LENGTH",
                    "NUMERIC_PRECISION",
                    "NUMERIC_PRECISION_RADIX",
                    "NUMERIC_SCALE",
                    "DATETIME_PRECISION",
                ),
                Kind.BIGINT,
            ),
            **dict.fromkeys(("CHARACTER_SET_NAME", "COLLATION_NAME"), Kind.VARCHAR),
            "JDBC_TYPE": Kind.BIGINT,
        },
        "ROUTINES": dict.fromkeys(
            ("ROUTINE_CATALOG", "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "IS_AGGREGATOR", "SIGNATURES"), Kind.VARCHAR
        ),
    },
    "sys": {
        "segments": {"segment_id": Kind.VARCHAR, "datasource": Kind.VARCHAR, "num_rows": Kind.BIGINT, "size": Kind.BIGINT},
        "servers": {"server": Kind.VARCHAR, "host": Kind.VARCHAR, "plaintext_port": Kind.BIGINT, "server_type": Kind.VARCHAR},
        "server_segments": {"server": Kind.VARCHAR, "segment_id": Kind.VARCHAR},
        "supervisors": {"supervisor_id": Kind.VARCHAR, "state": Kind.VARCHAR, "healthy": Kind.BIGINT},
        "tasks": {"task_id": Kind.VARCHAR, "type": Kind.VARCHAR, "datasource": Kind.VARCHAR, "status": Kind.VARCHAR},
    },
}

# A size that the engine never limits is told as -1, what does not apply as NULL: nothing of either is known here.
Value = str | int | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables that a statement may name, and the time zones that the engine knows."""

    tables: Mapping[str, Columns]
    zones: frozenset[str] = field(default=frozenset({"UTC"}))

    @classmethod
    def of_duckdb(cls, tables: Mapping[str, Mapping[str, str]], zones: Iterable[str] = ("UTC",)) -> "Catalog":
        """Translate the types of DuckDB's columns."""
        kinds = {table: {name: OF_DUCKDB.get(kind, Kind.VARCHAR) for name, kind in columns.items()} for table, columns in tables.items()}
        return cls(kinds, frozenset(zones))

    def columns(self, schema: str, table: str) -> Columns | None:
        """The columns of a table; None if there is no such table."""
        if schema == "druid":
            return self.tables.get(table)
        return SYSTEM_COLUMNS.get(schema, {}).get(table)

    def source(self, schema: str, table: str) -> str:
        """Write what stands in FROM for a table."""
        if schema == "druid":
            return f"druid.{quote(table)}"
        columns = SYSTEM_COLUMNS[schema][table]
        rows = list(self._system_rows(schema, table))
        names = ", ".join(map(quote, columns))
        nothing = ", ".join(f"CAST(NULL AS {IN_DUCKDB[kind]})" for kind in columns.values())
        values = "".join(f", ({', '.join(map(_literal, row))})" for row in rows)
        # The first row gives the columns their types, also when there is no other; it is cut off again.
        return f"(SELECT * FROM (VALUES ({nothing}){values}) AS listed({names}) OFFSET 1)"

    def _system_rows(self, schema: str, table: str) -> Iterable[Sequence[Value]]:
        if schema != "INFORMATION_SCHEMA":
            return []
        return {"SCHEMATA": self._schemata, "TABLES": self._tables, "COLUMNS": self._columns, "ROUTINES": self._routines}[table]()

    def _schemata(self) -> Iterable[Sequence[Value]]:
        return [("druid", name, None, None, None, None, None) for name in SCHEMAS]

    def _routines(self) -> Iterable[Sequence[Value]]:
        for name in sorted({*FUNCTIONS, *AGGREGATES}):
            yield ("druid", "INFORMATION_SCHEMA", name, "FUNCTION", "YES" if name in AGGREGATES else "NO", None)

    def _all(self) -> Iterable[tuple[str, str, Columns]]:
        yield from (("druid", name, columns) for name, columns in self.tables.items())
        for schema, tables in SYSTEM_COLUMNS.items():
            yield from ((schema, name, columns) for name, columns in tables.items())

    def _tables(self) -> Iterable[Sequence[Value]]:
        for schema, name, _ in self._all():
            yield ("druid", schema, name, "TABLE" if schema == "druid" else "SYSTEM_TABLE", "NO", "NO")

    def _columns(self) -> Iterable[Sequence[Value]]:
        for schema, table, columns in self._all():
            for number, (name, kind) in enumerate(columns.items(), 1):
                nullable = "NO" if name == "__time" else "YES"
                precision = 3 if kind is Kind.TIMESTAMP else None
                limits = (None, None, None, None, None, precision, None, None)
                data_type = "OTHER" if kind is Kind.JSON else str(kind)
                yield ("druid", schema, table, name, number, "", nullable, data_type, *limits, JDBC_TYPES[kind])


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    return text(value) if isinstance(value, str) else str(value)
