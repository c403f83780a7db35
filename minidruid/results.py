"""Results in memory: encoded part by part, and limited in bytes."""

import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from minidruid.errors import CAPACITY, LIMIT, QueryError
from minidruid.formats import Columns, HeaderOptions, ResultFormat, Row
from minidruid.sql.types import SqlType

SMALL_RESULT_BYTES = 256 * 1024


@dataclass(slots=True)
class ResultMemory:
    """The memory for results: the limit of each, and of all that are computed or sent at a time, not counting small ones."""

    max_bytes: int
    _used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def resize(self, before: int, after: int) -> None:
        """Reserve or release the memory of a result; raises QueryError if it exceeds a limit."""
        if after > self.max_bytes:
            raise QueryError(f"The result has more than {self.max_bytes} bytes: select fewer rows or columns.", LIMIT)
        growth = max(0, after - SMALL_RESULT_BYTES) - max(0, before - SMALL_RESULT_BYTES)
        with self._lock:
            if growth > 0 and self._used + growth > self.max_bytes:
                raise QueryError(f"The results in flight have more than {self.max_bytes} bytes together. Try again later.", CAPACITY)
            self._used += growth


@dataclass(slots=True)
class QueryResult:
    """A result that grows part by part; `release` it when it is sent or abandoned."""

    columns: Columns
    format: ResultFormat
    header: HeaderOptions
    memory: ResultMemory
    size: int = 0
    _parts: deque[bytes] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._append(self.format.start)
        if self.header.names:
            self._append_lines(self.format.header(self.columns, self.header))

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows; raises QueryError if the memory exceeds a limit."""
        doubles = [index for index, (_, sql_type) in enumerate(self.columns) if sql_type is SqlType.DOUBLE]
        self._append_lines(self.format.rows(self.columns, [_finite(row, doubles) for row in rows] if doubles else rows))

    def end(self) -> None:
        self._append(self.format.end)

    def _append_lines(self, lines: list[bytes]) -> None:
        if not lines:
            return
        part = self.format.separator.join(lines)
        if self.format.media_type != "text/csv":
            part = part.replace(b"\\\\", b"\\u005c")  # pydruid loses all rows at a text that ends in `\\`
        self._append(self.format.separator + part if len(self._parts) > 1 else part)

    def _append(self, part: bytes) -> None:
        self.memory.resize(self.size, self.size + len(part))
        self.size += len(part)
        self._parts.append(part)

    def parts(self) -> Iterator[bytes]:
        """Yield and drop the parts."""
        while self._parts:
            yield self._parts.popleft()

    def release(self) -> None:
        """Drop the result and release its memory."""
        self._parts.clear()
        self.memory.resize(self.size, 0)
        self.size = 0


def _finite(row: Row, doubles: Sequence[int]) -> Row:
    """Replace NaN and infinity by text, as Druid does, because JSON has neither."""
    if all(row[index] is None or math.isfinite(row[index]) for index in doubles):
        return row
    return [_json_number(value) for value in row]


def _json_number(value: Any) -> Any:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
