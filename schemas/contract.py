"""The columns of a row, derived from the schema, with the Avro, DuckDB and Druid type of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_PATH = Path(__file__).with_name("clickstream.avsc")

# Fields of the record that are not columns: enrichment replaces the client IP and the user agent, and occurred_at becomes __time.
NOT_IN_ROW = frozenset({"address", "user_agent", "occurred_at"})

# The DuckDB and Druid type of each Avro type. Flags are 0 or 1, as in Druid; all instants except __time are BIGINT milliseconds.
COLUMN_TYPES: Mapping[str, tuple[str, str]] = {
    "string": ("VARCHAR", "string"),
    "enum": ("VARCHAR", "string"),
    "boolean": ("BIGINT", "long"),
    "int": ("BIGINT", "long"),
    "long": ("BIGINT", "long"),
    "float": ("DOUBLE", "double"),
    "double": ("DOUBLE", "double"),
    "json": ("JSON", "json"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table `clickstream`; its name is the key in the row."""

    name: str
    avro: str  # Avro type of the record's field; empty for columns that the converter adds
    duckdb: str
    druid: str
    doc: str


def _added(name: str, kind: str, doc: str) -> Column:
    duckdb, druid = COLUMN_TYPES[kind]
    return Column(name, "", duckdb, druid, doc)


TIME = Column("__time", "", "TIMESTAMP", "timestamp", "Time of the event (occurred_at of the record), UTC, in milliseconds.")

# Columns that the converter adds to the record. The table in schemas/README.md has the same descriptions.
ENRICHED: tuple[Column, ...] = (
    _added("country", "string", "Country of the client IP, English name."),
    _added("country_code", "string", "Country of the client IP, ISO 3166-1 alpha-2."),
    _added("country_code3", "string", "Country of the client IP, ISO 3166-1 alpha-3."),
    _added("region", "string", "Region of the client IP."),
    _added("city", "string", "City of the client IP."),
    _added("latitude", "double", "Latitude of the place, in degrees."),
    _added("longitude", "double", "Longitude of the place, in degrees."),
    _added("device_type", "string", "desktop, mobile, tablet, tv, bot or unknown."),
    _added("device_brand", "string", "Brand of the device."),
    _added("device_model", "string", "Model of the device."),
    _added("browser", "string", "Name of the browser."),
    _added("browser_version", "string", "Major version of the browser."),
    _added("os", "string", "Name of the operating system."),
    _added("os_version", "string", "Version of the operating system."),
    _added("is_bot", "boolean", "1 if the event is from a bot."),
    _added("bot_reasons", "string", "Reasons why the event counts as a bot's, separated by commas; null for a person."),
    _added("channel", "string", "Channel that brought the visitor to this page."),
    _added("referrer_source", "string", "Source that brought the visitor to this page: utm_source, or the name or host of the referrer."),
    _added("session_channel", "string", "Channel of the session's first event."),
    _added("session_source", "string", "Source of the session's first event."),
    _added("session_page_number", "long", "Number of pages in the session so far, including this one."),
    _added("session_engagement_ms", "long", "Engaged time of the session up to this event, in milliseconds."),
    _added("previous_page_path", "string", "Path of the previous page in the session."),
    _added("landing_page_path", "string", "Path of the first page in the session."),
    _added("is_session_start", "boolean", "1 for the first event of its session."),
    _added("is_late", "boolean", "1 if the event arrived more than 7 days after it happened."),
    _added("ingested_at", "long", "Time at which the converter wrote the row, in milliseconds since 1970."),
)


def avro_kind(avro: Any) -> str:
    """Return the type of a field without its union with null and its logical type: `string`, `long`, `json`, ...

    An array, map or record is `json` and becomes a nested column.
    """
    if isinstance(avro, list):
        return avro_kind(next((branch for branch in avro if branch != "null"), "null"))
    if isinstance(avro, Mapping):
        if avro.get("logicalType") == "json" or avro["type"] in ("array", "map", "record"):
            return "json"
        return avro_kind(avro["type"])
    return "string" if avro in ("bytes", "fixed") else str(avro)


def load_schema(path: Path = SCHEMA_PATH) -> dict[str, Any]:
    """Load an Avro schema of type record from a JSON file (Avro 1.12, section Schema Declaration)."""
    schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return schema


def columns(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns of the table in order: __time, the fields of the record, and the columns that the converter adds."""
    return (TIME, *_record_columns(schema), *ENRICHED)


def _record_columns(schema: Mapping[str, Any]) -> Iterator[Column]:
    for field in schema["fields"]:
        if field["name"] not in NOT_IN_ROW:
            kind = avro_kind(field["type"])
            duckdb, druid = COLUMN_TYPES[kind]
            yield Column(field["name"], kind, duckdb, druid, field.get("doc", ""))
