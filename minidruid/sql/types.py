"""SQL types, and fragments of DuckDB SQL that carry one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from minidruid.errors import QueryError


class SqlType(StrEnum):
    """A type by its name in Druid's SQL."""

    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    VARCHAR = "VARCHAR"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"
    DATE = "DATE"
    JSON = "COMPLEX<json>"
    ARRAY = "ARRAY"
    INTERVAL = "INTERVAL"
    NULL = "NULL"


NUMERIC_TYPES = frozenset({SqlType.BIGINT, SqlType.DOUBLE})
TEMPORAL_TYPES = frozenset({SqlType.TIMESTAMP, SqlType.DATE})

# DuckDB type of a column -> SQL type; all other types are VARCHAR.
FROM_DUCKDB = {
    "BIGINT": SqlType.BIGINT,
    "INTEGER": SqlType.BIGINT,
    "HUGEINT": SqlType.BIGINT,
    "DOUBLE": SqlType.DOUBLE,
    "FLOAT": SqlType.DOUBLE,
    "BOOLEAN": SqlType.BOOLEAN,
    "TIMESTAMP": SqlType.TIMESTAMP,
    "DATE": SqlType.DATE,
    "JSON": SqlType.JSON,
}

# SQL type -> DuckDB type to cast to.
DUCKDB_TYPES = {
    SqlType.BIGINT: "BIGINT",
    SqlType.DOUBLE: "DOUBLE",
    SqlType.VARCHAR: "VARCHAR",
    SqlType.BOOLEAN: "BOOLEAN",
    SqlType.TIMESTAMP: "TIMESTAMP",
    SqlType.DATE: "DATE",
    SqlType.JSON: "JSON",
}

# SQL type -> constant of java.sql.Types.
JDBC_TYPES = {
    SqlType.BIGINT: -5,
    SqlType.DOUBLE: 8,
    SqlType.VARCHAR: 12,
    SqlType.BOOLEAN: 16,
    SqlType.TIMESTAMP: 93,
    SqlType.DATE: 91,
    SqlType.JSON: 1111,
    SqlType.ARRAY: 2003,
    SqlType.NULL: 0,
}

# SQL type -> Druid's native type, for the types header; all others are STRING.
NATIVE_TYPES = {
    SqlType.BIGINT: "LONG",
    SqlType.DOUBLE: "DOUBLE",
    SqlType.BOOLEAN: "LONG",
    SqlType.TIMESTAMP: "LONG",
    SqlType.DATE: "LONG",
    SqlType.JSON: "COMPLEX<json>",
    SqlType.ARRAY: "ARRAY<STRING>",
}

# SQL type -> its family in Druid's error "No match found for function signature".
TYPE_FAMILIES = {
    SqlType.BIGINT: "<NUMERIC>",
    SqlType.DOUBLE: "<NUMERIC>",
    SqlType.VARCHAR: "<CHARACTER>",
    SqlType.BOOLEAN: "<BOOLEAN>",
    SqlType.TIMESTAMP: "<TIMESTAMP>",
    SqlType.DATE: "<DATE>",
    SqlType.JSON: "<COMPLEX<json>>",
    SqlType.ARRAY: "<ARRAY>",
    SqlType.INTERVAL: "<INTERVAL>",
    SqlType.NULL: "<NULL>",
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """DuckDB SQL for one value: `literal` is set if the statement spells the value out, `column` if the value is a plain column."""

    text: str
    type: SqlType
    literal: str | None = None
    column: str | None = None


def quote_name(name: str) -> str:
    """Return a quoted identifier."""
    if "\0" in name:
        raise QueryError("A name must not contain the character NUL.")
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    """Return a string literal; DuckDB takes a backslash literally but ends the literal at NUL."""
    if "\0" in value:
        raise QueryError("A string literal must not contain the character NUL.")
    return "'" + value.replace("'", "''") + "'"


def text_fragment(value: str) -> Fragment:
    """Return a string literal with its value."""
    return Fragment(quote_text(value), SqlType.VARCHAR, literal=value)


def timestamp_fragment(at: datetime) -> Fragment:
    """Return a timestamp literal for a UTC time without a zone."""
    return Fragment(f"TIMESTAMP '{at.isoformat(sep=' ', timespec='milliseconds')}'", SqlType.TIMESTAMP)


def null_fragment(sql_type: SqlType = SqlType.NULL) -> Fragment:
    """Return NULL of a type."""
    return Fragment(f"CAST(NULL AS {DUCKDB_TYPES[sql_type]})" if sql_type in DUCKDB_TYPES else "NULL", sql_type)
