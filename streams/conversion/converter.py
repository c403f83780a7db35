"""Turns a record into a row of the table `clickstream`; pure, all inputs are arguments."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas.codec import Record
from schemas.contract import NOT_IN_ROW, avro_kind, columns
from streams.conversion.enricher import Channel, Enrichment
from streams.dead_letters import Reason
from streams.errors import SchemaError
from streams.sink import Row, Session

# Fields that must not be null or empty.
MANDATORY = ("event_id", "event_type", "site", "party_kind", "occurred_at", "received_at")
# Fields that the converter reads; null if the schema lacks one.
READ_FIELDS = (
    "party_id",
    "session_id",
    "page_host",
    "page_path",
    "referrer",
    "referrer_host",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "click_id",
    "engagement_ms",
    "address",
    "user_agent",
)
LAST_INSTANT = 253_402_300_799_999  # the last millisecond of the year 9999, which every engine can store

DIRECT = "Direct"

_NO_SESSION: Row = {
    "party_id": None,
    "session_id": None,
    "session_channel": None,
    "session_source": None,
    "session_page_number": None,
    "session_engagement_ms": None,
    "previous_page_path": None,
    "landing_page_path": None,
}


class Converter:
    """Converts records of one schema, and of its earlier versions, to rows."""

    def __init__(self, schema: Mapping[str, Any], late_after_ms: int) -> None:
        fields = {field["name"]: field for field in schema["fields"]}
        if missing := [name for name in MANDATORY if name not in fields]:
            raise SchemaError(f"the schema {schema['name']!r} lacks {', '.join(missing)}, which identify an event and its time")
        self._late_after_ms = late_after_ms
        self._columns: Row = dict.fromkeys(column.name for column in columns(schema))
        self._blank: Record = self._columns | dict.fromkeys(READ_FIELDS) | {name: field.get("default") for name, field in fields.items()}
        self._not_in_row = tuple(self._blank.keys() - self._columns.keys())
        kept = {name: field for name, field in fields.items() if name not in NOT_IN_ROW}
        kinds = {name: avro_kind(field["type"]) for name, field in kept.items()}
        self._flags = tuple(name for name, kind in kinds.items() if kind == "boolean")
        self._texts = tuple(name for name, kind in kinds.items() if kind == "json" and _is_text(kept[name]["type"]))
        self._structured = {
            name: _writer(kept[name]["type"])
            for name, kind in kinds.items()
            if kind in ("json", "string") and not _is_text(kept[name]["type"])
        }

    def complete(self, record: Record) -> Record:
        """Return a record with all fields that the converter reads; fields that an older schema lacks get their defaults.

        It also has the other columns of the row, still null, so that it becomes the row without another copy.
        """
        return self._blank | record

    def check(self, record: Record) -> tuple[Reason, str] | None:
        """Return the reason that a complete record cannot become a row, and a text; or None."""
        for name in MANDATORY:
            if record[name] is None or record[name] == "":
                return Reason.MISSING_FIELD, f"the record has no {name}"
        if not 0 <= record["occurred_at"] <= LAST_INSTANT:
            return Reason.TIME_OUT_OF_RANGE, f"occurred_at is {record['occurred_at']}, not in the years 1970 to 9999"
        for name in self._texts:
            if (text := record[name]) is not None and not _is_json(text):
                return Reason.INVALID_PARAMETERS, f"{name} is not JSON"
        return None

    def to_row(
        self,
        record: Record,
        session: Session | None,
        is_session_start: bool,
        enrichment: tuple[Enrichment, Enrichment],
        channel: Channel,
        ingested_at: int,
    ) -> Row:
        """Turn a complete record into its row, in place. `session` includes this event."""
        row: Row = record
        occurred_at, received_at = record["occurred_at"], record["received_at"]
        for name in self._flags:
            if (flag := row[name]) is not None:
                row[name] = int(flag)
        for name, write in self._structured.items():
            if row[name] is not None:
                row[name] = write(row[name])
        for found in enrichment:
            row.update(found)
        row.update(_NO_SESSION if session is None else _session_columns(session))
        for name in self._not_in_row:
            del row[name]
        row["channel"], row["referrer_source"] = channel
        row["is_session_start"] = int(is_session_start)
        row["is_late"] = int(received_at - occurred_at > self._late_after_ms)
        row["ingested_at"] = ingested_at
        row["__time"] = occurred_at
        if len(row) != len(self._columns):  # fields that the schema no longer has
            for name in row.keys() - self._columns.keys():
                del row[name]
        return row


def _session_columns(session: Session) -> Row:
    return {
        "party_id": session.party_id,
        "session_id": session.session_id,
        "session_channel": session.channel,
        "session_source": session.source,
        "session_page_number": session.pages,
        "session_engagement_ms": session.engagement_ms,
        "previous_page_path": session.previous_page_path,
        "landing_page_path": session.landing_page_path,
    }


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_text(avro: Any) -> bool:
    """Whether the decoded value of this type is already text: a string or an enum."""
    if isinstance(avro, list):
        return all(_is_text(branch) for branch in avro if branch != "null")
    if isinstance(avro, Mapping):
        return _is_text(avro["type"])
    return avro in ("string", "enum")


def _writer(avro: Any) -> Callable[[Any], str]:
    """Return the function that writes a value of this type as the text of its column: digits for bytes, JSON for structures."""
    return bytes.hex if avro_kind(avro) == "string" else lambda value: msgspec.json.encode(value).decode()
