"""Writes rows and errors as Druid writes them."""

import csv
import io
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from minidruid.errors import CAPACITY, LIMIT, QueryError
from minidruid.sql.limits import MAX_ARRAYS, TOO_LONG, within
from minidruid.sql.queries import Query
from minidruid.sql.types import NATIVE_TYPES, Kind

encode = msgspec.json.encode

SMALL_ANSWER_BYTES = 256 * 1024

Columns = Sequence[tuple[str, Kind]]
Row = Sequence[Any]

# How DuckDB is to hand out a kind; the others are JSON values as they are.
_HANDED_OUT = {
    Kind.TIMESTAMP: "strftime({0}, '%Y-%m-%dT%H:%M:%S.%gZ')",
    Kind.DATE: "strftime({0}, '%Y-%m-%dT00:00:00.000Z')",
    Kind.JSON: "CAST({0} AS VARCHAR)",
    Kind.ARRAY: "CAST(to_json({0}) AS VARCHAR)",
    Kind.INTERVAL: "CAST({0} AS VARCHAR)",
}


_LONG = frozenset({Kind.VARCHAR, Kind.JSON, Kind.ARRAY})  # kinds whose texts have no bound of their own


def hand_out(query: Query, row_bytes: int) -> str:
    """Wrap a query so that its rows come out as they are to be written, and a row of more bytes is an error.

    Instants come out as ISO 8601 and arrays as JSON text: quicker in DuckDB than row by row here.
    """
    kinds = [kind for _, kind in query.columns]
    within(kinds.count(Kind.ARRAY), MAX_ARRAYS, "arrays in an answer")
    text, names = query.text, ", ".join(f"c{number}" for number in range(len(kinds)))
    if any(kind in _HANDED_OUT for kind in kinds):
        values = [_HANDED_OUT.get(kind, "{0}").format(f"c{number}") for number, kind in enumerate(kinds)]
        text = f"SELECT {', '.join(values)} FROM ({text}) AS answer({names})"
    texts = [f"coalesce(strlen(c{number}), 0)" for number, kind in enumerate(kinds) if kind in _LONG]
    if not texts:
        return text
    message = f"{TOO_LONG}a row of the answer may have {row_bytes} bytes. Ask for fewer columns, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT."
    guard = f"CASE WHEN {' + '.join(texts)} > {row_bytes} THEN error('{message}') ELSE TRUE END"
    return f"SELECT * FROM ({text}) AS row_of_answer({names}) WHERE {guard}"


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinity: Druid writes them as text."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the rows, as the request wants it."""

    names: bool = False
    types: bool = False
    sql_types: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """One of Druid's result formats: how the header, a part of the rows and the end are written."""

    media_type: str
    header: Callable[[Columns, Header], list[bytes]]
    rows: Callable[[Columns, Iterable[Row]], list[bytes]]
    begin: bytes = b""
    separator: bytes = b"\n"
    end: bytes = b"\n\n"


def _native(kind: Kind) -> str:
    return NATIVE_TYPES.get(kind, "STRING")


def _object_header(columns: Columns, header: Header) -> list[bytes]:
    def described(kind: Kind) -> Mapping[str, str] | None:
        types = {"type": _native(kind)} if header.types else {}
        return types | ({"sqlType": str(kind)} if header.sql_types else {}) or None

    return [encode({name: described(kind) for name, kind in columns})]


def _array_header(columns: Columns, header: Header) -> list[bytes]:
    return [encode(line) for line in _header_lines(columns, header)]


def _header_lines(columns: Columns, header: Header) -> list[list[str]]:
    lines = [[name for name, _ in columns]]
    lines += [[_native(kind) for _, kind in columns]] if header.types else []
    lines += [[str(kind) for _, kind in columns]] if header.sql_types else []
    return lines


def _objects(columns: Columns, rows: Iterable[Row]) -> list[bytes]:
    names = [name for name, _ in columns]
    return [encode(dict(zip(names, row, strict=True))) for row in rows]


def _arrays(_columns: Columns, rows: Iterable[Row]) -> list[bytes]:
    return [encode(row) for row in rows]


def _csv_lines(rows: Iterable[Row]) -> list[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow(["" if value is None else str(value).lower() if isinstance(value, bool) else value for value in row])
    return [text.getvalue().removesuffix("\n").encode()]


def _csv_header(columns: Columns, header: Header) -> list[bytes]:
    return _csv_lines(_header_lines(columns, header))


def _csv_rows(_columns: Columns, rows: Iterable[Row]) -> list[bytes]:
    return _csv_lines(rows)


FORMATS: Mapping[str, Format] = {
    "object": Format("application/json", _object_header, _objects, b"[", b",", b"]\n"),
    "array": Format("application/json", _array_header, _arrays, b"[", b",", b"]\n"),
    "objectLines": Format("text/plain", _object_header, _objects),
    "arrayLines": Format("text/plain", _array_header, _arrays),
    "csv": Format("text/csv", _csv_header, _csv_rows),
}


@dataclass(slots=True)
class Room:
    """Memory for answers: each may have so many bytes, and all that are being made or sent no more together, small ones aside."""

    answer_bytes: int
    _taken: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def grow(self, before: int, after: int) -> None:
        """Take the room by which an answer has grown; raises QueryError if there is none."""
        if after > self.answer_bytes:
            raise QueryError(f"The answer has more than {self.answer_bytes} bytes: ask for fewer rows or columns.", LIMIT)
        more = max(0, after - SMALL_ANSWER_BYTES) - max(0, before - SMALL_ANSWER_BYTES)
        with self._lock:
            if more > 0 and self._taken + more > self.answer_bytes:
                raise QueryError(f"The answers under way have more than {self.answer_bytes} bytes together. Try again later.", CAPACITY)
            self._taken += more


@dataclass(slots=True)
class Answer:
    """An answer as it grows, part by part; `release` it in the end."""

    columns: Columns
    format: Format
    header: Header
    room: Room
    _parts: deque[bytes] = field(default_factory=deque)
    bytes_written: int = 0

    def __post_init__(self) -> None:
        self._append(self.format.begin)
        if self.header.names:
            self._add(self.format.header(self.columns, self.header))

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows; raises QueryError if there is no room for them."""
        doubles = [at for at, (_, kind) in enumerate(self.columns) if kind is Kind.DOUBLE]
        self._add(self.format.rows(self.columns, [_with_numbers(row, doubles) for row in rows] if doubles else rows))

    def end(self) -> None:
        self._append(self.format.end)

    def _add(self, lines: list[bytes]) -> None:
        if lines:
            # pydruid loses its way, and with it all rows, at a text that ends in a backslash; the same character written otherwise is safe.
            part = self.format.separator.join(lines).replace(b"\\\\", b"\\u005c" if self.format.media_type != "text/csv" else b"\\\\")
            self._append(self.format.separator + part if len(self._parts) > 1 else part)

    def _append(self, part: bytes) -> None:
        self.room.grow(self.bytes_written, self.bytes_written + len(part))
        self.bytes_written += len(part)
        self._parts.append(part)

    def parts(self) -> Iterator[bytes]:
        """Hand out the answer part by part, each once."""
        while self._parts:
            yield self._parts.popleft()

    def content(self) -> bytes:
        return b"".join(self._parts)

    def release(self) -> None:
        """Forget the answer."""
        self._parts.clear()
        self.room.grow(self.bytes_written, 0)
        self.bytes_written = 0


def _with_numbers(row: Row, doubles: Sequence[int]) -> Row:
    if all(row[at] is None or math.isfinite(row[at]) for at in doubles):
        return row
    return [_number(value) for value in row]


def error_content(error: QueryError) -> bytes:
    """Druid's error object."""
    refusal = error.refusal
    return encode(
        {
            "error": "druidException",
            "errorCode": refusal.code,
            "persona": refusal.persona,
            "category": refusal.category,
            "errorMessage": str(error),
            "context": {},
        }
    )
