"""Answers a statement from the store: translated, run on a cursor of its own, bounded in rows, bytes and time."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import duckdb

from minidruid.answers import Answer, hand_out
from minidruid.errors import LIMIT, RUNTIME, TIMEOUT, QueryError
from minidruid.requests import QueryRequest
from minidruid.settings import Settings
from minidruid.sql.catalog import Catalog
from minidruid.sql.translate import translate

ROWS_AT_A_TIME = 2000


class CursorsProtocol(Protocol):
    """The side of the store that queries need."""

    def cursor(self) -> duckdb.DuckDBPyConnection: ...
    def catalog(self) -> Mapping[str, Mapping[str, str]]: ...


@dataclass
class Running:
    """A statement on its way; it may be interrupted from another thread, before it has begun too."""

    _cursor: duckdb.DuckDBPyConnection | None = None
    _is_interrupted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._is_interrupted:
                raise QueryError("Query timed out before it began", TIMEOUT)
            self._cursor = cursor

    def end(self) -> None:
        with self._lock:
            self._cursor = None

    def interrupt(self) -> None:
        with self._lock:
            self._is_interrupted = True
            if self._cursor is not None:
                self._cursor.interrupt()


class Engine:
    """Turns requests into answers; safe to use from several threads."""

    def __init__(self, store: CursorsProtocol, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        cursor = store.cursor()
        zones = [name for (name,) in cursor.execute("SELECT name FROM pg_timezone_names()").fetchall()]
        cursor.close()
        self._catalog = Catalog.of_duckdb(store.catalog(), zones)

    def answer(self, request: QueryRequest, running: Running) -> Answer:
        """Run the statement; raises QueryError."""
        query = translate(request.query, self._catalog, now=self._clock(), parameters=request.parameters)
        answer = Answer(query.columns, request.format(), request.headers())
        cursor = self._store.cursor()
        try:
            running.begin(cursor)
            self._fetch(cursor, hand_out(query), answer)
        except duckdb.Error as error:
            raise refusal_of(error) from None
        finally:
            running.end()
            cursor.close()
        return answer

    def _fetch(self, cursor: duckdb.DuckDBPyConnection, sql: str, answer: Answer) -> None:
        cursor.execute(sql)
        count = 0
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            count += len(rows)
            answer.add(rows)
            if count > self._settings.max_rows:
                raise QueryError(f"The answer has more than {self._settings.max_rows} rows: add a LIMIT, or group.", LIMIT)
            if answer.bytes_written > self._settings.max_result_bytes:
                raise QueryError(f"The answer has more than {self._settings.max_result_bytes} bytes: ask for fewer rows or columns.", LIMIT)


def refusal_of(error: duckdb.Error) -> QueryError:
    """What Druid would call an error of DuckDB; the text without DuckDB's copy of a statement that the client never wrote."""
    text = str(error).split("\n")[0]
    if isinstance(error, duckdb.InterruptException):
        return QueryError("Query timed out: ask for less, or raise HEADRACE_MINIDRUID_QUERY_TIMEOUT_SECONDS", TIMEOUT)
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError(f"Not enough memory for the query, raise HEADRACE_MINIDRUID_MEMORY_LIMIT: {text}", LIMIT)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return QueryError(f"Query could not be planned. A possible reason is [{text}]")
    if isinstance(error, duckdb.ConversionException):
        return QueryError(text)
    return QueryError(text, RUNTIME)
