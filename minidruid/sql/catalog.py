"""The tables that a statement can query: those of the store, and Druid's INFORMATION_SCHEMA and sys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from minidruid.sql.functions.aggregates import AGGREGATES
from minidruid.sql.functions.scalar import FUNCTIONS
from minidruid.sql.types import DUCKDB_TYPES, FROM_DUCKDB, JDBC_TYPES, SqlType, quote_name, quote_text

Columns = Mapping[str, SqlType]

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
            SqlType.VARCHAR,
        ),
        "TABLES": dict.fromkeys(
            ("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "IS_JOINABLE", "IS_BROADCAST"), SqlType.VARCHAR
        ),
        "COLUMNS": {
            **dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"), SqlType.VARCHAR),
            "ORDINAL_POSITION": SqlType.BIGINT,
            **dict.fromkeys(("COLUMN_DEFAULT", "IS_NULLABLE", "DATA_TYPE"), SqlType.VARCHAR),
            **dict.fromkeys(
                (
                    "CHARACTER_MAXIMUM_LENGTH",
                    "CHARACTER_OCTET_LENGTH",
                    "NUMERIC_PRECISION",
                    "NUMERIC_PRECISION_RADIX",
                    "NUMERIC_SCALE",
                    "DATETIME_PRECISION",
                ),
                SqlType.BIGINT,
            ),
            **dict.fromkeys(("CHARACTER_SET_NAME", "COLLATION_NAME"), SqlType.VARCHAR),
            "JDBC_TYPE": SqlType.BIGINT,
        },
        "ROUTINES": dict.fromkeys(
            ("ROUTINE_CATALOG", "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "IS_AGGREGATOR", "SIGNATURES"), SqlType.VARCHAR
        ),
    },
    "sys": {
        "segments": {"segment_id": SqlType.VARCHAR, "datasource": SqlType.VARCHAR, "num_rows": SqlType.BIGINT, "size": SqlType.BIGINT},
        "servers": {"server": SqlType.VARCHAR, "host": SqlType.VARCHAR, "plaintext_port": SqlType.BIGINT, "server_type": SqlType.VARCHAR},
        "server_segments": {"server": SqlType.VARCHAR, "segment_id": SqlType.VARCHAR},
        "supervisors": {"supervisor_id": SqlType.VARCHAR, "state": SqlType.VARCHAR, "healthy": SqlType.BIGINT},
        "tasks": {"task_id": SqlType.VARCHAR, "type": SqlType.VARCHAR, "datasource": SqlType.VARCHAR, "status": SqlType.VARCHAR},
    },
}

Value = str | int | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables that a statement can query, and the time zones that DuckDB knows."""

    tables: Mapping[str, Columns]
    zones: frozenset[str] = field(default=frozenset({"UTC"}))

    @classmethod
    def from_duckdb(cls, tables: Mapping[str, Mapping[str, str]], zones: Iterable[str] = ("UTC",)) -> "Catalog":
        """Make a catalog of DuckDB's tables, with SQL types for DuckDB's."""
        types = {
            table: {name: FROM_DUCKDB.get(duckdb_type, SqlType.VARCHAR) for name, duckdb_type in columns.items()}
            for table, columns in tables.items()
        }
        return cls(types, frozenset(zones))

    def columns(self, schema: str, table: str) -> Columns | None:
        """Return the columns of a table; None if there is no such table."""
        if schema == "druid":
            return self.tables.get(table)
        return SYSTEM_COLUMNS.get(schema, {}).get(table)

    def source(self, schema: str, table: str) -> str:
        """Return the entry of FROM for a table."""
        if schema == "druid":
            return f"druid.{quote_name(table)}"
        columns = SYSTEM_COLUMNS[schema][table]
        rows = list(self._system_rows(schema, table))
        names = ", ".join(map(quote_name, columns))
        nulls = ", ".join(f"CAST(NULL AS {DUCKDB_TYPES[sql_type]})" for sql_type in columns.values())
        values = "".join(f", ({', '.join(map(_literal, row))})" for row in rows)
        # The first row only sets the types of the columns; OFFSET removes it.
        return f"(SELECT * FROM (VALUES ({nulls}){values}) AS listed({names}) OFFSET 1)"

    def _system_rows(self, schema: str, table: str) -> Iterable[Sequence[Value]]:
        if schema != "INFORMATION_SCHEMA":
            return []
        return {"SCHEMATA": self._schemata, "TABLES": self._tables, "COLUMNS": self._columns, "ROUTINES": self._routines}[table]()

    def _schemata(self) -> Iterable[Sequence[Value]]:
        return [("druid", name, None, None, None, None, None) for name in SCHEMAS]

    def _routines(self) -> Iterable[Sequence[Value]]:
        for name in sorted({*FUNCTIONS, *AGGREGATES}):
            yield ("druid", "INFORMATION_SCHEMA", name, "FUNCTION", "YES" if name in AGGREGATES else "NO", None)

    def _all_tables(self) -> Iterable[tuple[str, str, Columns]]:
        yield from (("druid", name, columns) for name, columns in self.tables.items())
        for schema, tables in SYSTEM_COLUMNS.items():
            yield from ((schema, name, columns) for name, columns in tables.items())

    def _tables(self) -> Iterable[Sequence[Value]]:
        for schema, name, _ in self._all_tables():
            yield ("druid", schema, name, "TABLE" if schema == "druid" else "SYSTEM_TABLE", "NO", "NO")

    def _columns(self) -> Iterable[Sequence[Value]]:
        for schema, table, columns in self._all_tables():
            for number, (name, sql_type) in enumerate(columns.items(), 1):
                nullable = "NO" if name == "__time" else "YES"
                precision = 3 if sql_type is SqlType.TIMESTAMP else None
                limits = (None, None, None, None, None, precision, None, None)
                data_type = "OTHER" if sql_type is SqlType.JSON else str(sql_type)
                yield ("druid", schema, table, name, number, "", nullable, data_type, *limits, JDBC_TYPES[sql_type])


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    return quote_text(value) if isinstance(value, str) else str(value)
