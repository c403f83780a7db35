"""Druid's result formats: the encoding of a header and of rows."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from minidruid.sql.types import NATIVE_TYPES, SqlType

Columns = Sequence[tuple[str, SqlType]]
Row = Sequence[Any]

encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class HeaderOptions:
    """The parts of the header that a request asks for."""

    names: bool = False
    types: bool = False
    sql_types: bool = False


@dataclass(frozen=True, slots=True)
class ResultFormat:
    """A result format: functions that encode the header and a part of the rows, and the bytes around them."""

    media_type: str
    header: Callable[[Columns, HeaderOptions], list[bytes]]
    rows: Callable[[Columns, Iterable[Row]], list[bytes]]
    start: bytes = b""
    separator: bytes = b"\n"
    end: bytes = b"\n\n"


def _native_type(sql_type: SqlType) -> str:
    return NATIVE_TYPES.get(sql_type, "STRING")


def _object_header(columns: Columns, options: HeaderOptions) -> list[bytes]:
    def description(sql_type: SqlType) -> Mapping[str, str] | None:
        types = {"type": _native_type(sql_type)} if options.types else {}
        return types | ({"sqlType": str(sql_type)} if options.sql_types else {}) or None

    return [encode({name: description(sql_type) for name, sql_type in columns})]


def _array_header(columns: Columns, options: HeaderOptions) -> list[bytes]:
    return [encode(line) for line in _header_lines(columns, options)]


def _header_lines(columns: Columns, options: HeaderOptions) -> list[list[str]]:
    lines = [[name for name, _ in columns]]
    lines += [[_native_type(sql_type) for _, sql_type in columns]] if options.types else []
    lines += [[str(sql_type) for _, sql_type in columns]] if options.sql_types else []
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


def _csv_header(columns: Columns, options: HeaderOptions) -> list[bytes]:
    return _csv_lines(_header_lines(columns, options))


def _csv_rows(_columns: Columns, rows: Iterable[Row]) -> list[bytes]:
    return _csv_lines(rows)


FORMATS: Mapping[str, ResultFormat] = {
    "object": ResultFormat("application/json", _object_header, _objects, b"[", b",", b"]\n"),
    "array": ResultFormat("application/json", _array_header, _arrays, b"[", b",", b"]\n"),
    "objectLines": ResultFormat("text/plain", _object_header, _objects),
    "arrayLines": ResultFormat("text/plain", _array_header, _arrays),
    "csv": ResultFormat("text/csv", _csv_header, _csv_rows),
}
