"""Types of values, and pieces of DuckDB's SQL that know theirs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from minidruid.errors import QueryError


class Kind(StrEnum):
    """A type as Druid's SQL names it."""

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


NUMBERS = frozenset({Kind.BIGINT, Kind.DOUBLE})
INSTANTS = frozenset({Kind.TIMESTAMP, Kind.DATE})

# DuckDB type of a column -> kind. Anything else is handed out as text.
OF_DUCKDB = {
    "BIGINT": Kind.BIGINT,
    "INTEGER": Kind.BIGINT,
    "HUGEINT": Kind.BIGINT,
    "DOUBLE": Kind.DOUBLE,
    "FLOAT": Kind.DOUBLE,
    "BOOLEAN": Kind.BOOLEAN,
    "TIMESTAMP": Kind.TIMESTAMP,
    "DATE": Kind.DATE,
    "JSON": Kind.JSON,
}

# Kind -> DuckDB type to cast to.
IN_DUCKDB = {
    Kind.BIGINT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.VARCHAR: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.DATE: "DATE",
    Kind.JSON: "JSON",
}

# java.sql.Types
JDBC_TYPES = {
    Kind.BIGINT: -5,
    Kind.DOUBLE: 8,
    Kind.VARCHAR: 12,
    Kind.BOOLEAN: 16,
    Kind.TIMESTAMP: 93,
    Kind.DATE: 91,
    Kind.JSON: 1111,
    Kind.ARRAY: 2003,
    Kind.NULL: 0,
}

# Druid's native type, as it stands in a types header.
NATIVE_TYPES = {
    Kind.BIGINT: "LONG",
    Kind.DOUBLE: "DOUBLE",
    Kind.BOOLEAN: "LONG",
    Kind.TIMESTAMP: "LONG",
    Kind.DATE: "LONG",
    Kind.JSON: "COMPLEX<json>",
    Kind.ARRAY: "ARRAY<STRING>",
}

# The family that Druid names in "No match found for function signature".
FAMILIES = {
    Kind.BIGINT: "<NUMERIC>",
    Kind.DOUBLE: "<NUMERIC>",
    Kind.VARCHAR: "<CHARACTER>",
    Kind.BOOLEAN: "<BOOLEAN>",
    Kind.TIMESTAMP: "<TIMESTAMP>",
    Kind.DATE: "<DATE>",
    Kind.JSON: "<COMPLEX<json>>",
    Kind.ARRAY: "<ARRAY>",
    Kind.INTERVAL: "<INTERVAL>",
    Kind.NULL: "<NULL>",
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of DuckDB's SQL that stands for one value; `literal` is the value itself where the statement spells it out."""

    text: str
    kind: Kind
    literal: str | None = None
    column: str | None = None  # the name, where it is nothing but a column


def quote(name: str) -> str:
    """Write an identifier."""
    if "\0" in name:
        raise QueryError("A name must not contain the character NUL.")
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Write a string literal; DuckDB gives a backslash in it no meaning, but ends it at NUL."""
    if "\0" in value:
        raise QueryError("A string literal must not contain the character NUL.")
    return "'" + value.replace("'", "''") + "'"


def string(value: str) -> Fragment:
    """A text that the statement spells out."""
    return Fragment(text(value), Kind.VARCHAR, literal=value)


def instant(at: datetime) -> Fragment:
    """Write an instant; it carries no zone and means UTC."""
    return Fragment(f"TIMESTAMP '{at.isoformat(sep=' ', timespec='milliseconds')}'", Kind.TIMESTAMP)


def null(kind: Kind = Kind.NULL) -> Fragment:
    """NULL of a kind."""
    return Fragment(f"CAST(NULL AS {IN_DUCKDB[kind]})" if kind in IN_DUCKDB else "NULL", kind)
