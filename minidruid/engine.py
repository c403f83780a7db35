"""Runs statements on the store: each is translated, runs on its own cursor, and is limited in rows, bytes and time."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import duckdb

from minidruid.errors import LIMIT, NOT_PLANNED, RUNTIME, TIMEOUT, QueryError, first_line
from minidruid.requests import QueryRequest
from minidruid.results import QueryResult, ResultMemory
from minidruid.settings import Settings
from minidruid.sql.catalog import Catalog
from minidruid.sql.limits import TOO_LONG, max_row_text_bytes
from minidruid.sql.output import select_output
from minidruid.sql.queries import Query
from minidruid.sql.translate import translate

FETCH_ROWS = 128  # as Python's values; the bytes of a row are limited

MAX_ATTEMPTS = 3  # of a query that is interrupted because memory is short
NO_MEMORY = "Not enough memory for this query beside others: select less, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT"
STREAMING_BUFFER = "1MB"  # of rows that DuckDB computes ahead


class QueryableStore(Protocol):
    """The part of the store that queries use."""

    def cursor(self) -> duckdb.DuckDBPyConnection: ...
    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...
    def catalog(self) -> Mapping[str, Mapping[str, str]]: ...


@dataclass
class Execution:
    """The execution of a statement, which other threads can interrupt, even before it starts."""

    attempts: int = 0
    is_interrupted: bool = False
    _cursor: duckdb.DuckDBPyConnection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def attempt(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Run on this cursor; raises QueryError if the execution is already interrupted."""
        with self._lock:
            if self.is_interrupted:
                raise QueryError("Query was interrupted before it started", TIMEOUT)
            self._cursor = cursor
            self.attempts += 1
        try:
            yield
        finally:
            with self._lock:
                self._cursor = None

    def interrupt(self) -> None:
        with self._lock:
            self.is_interrupted = True
            if self._cursor is not None:
                self._cursor.interrupt()


class Engine:
    """Answers requests; safe to use from several threads."""

    def __init__(self, store: QueryableStore, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._row_text_bytes = max_row_text_bytes(settings.memory_bytes)
        self._result_memory = ResultMemory(settings.max_result_bytes)
        cursor = store.cursor()
        zones = [name for (name,) in cursor.execute("SELECT name FROM pg_timezone_names()").fetchall()]
        cursor.close()
        self._catalog = Catalog.from_duckdb(store.catalog(), zones)

    def translate(self, request: QueryRequest) -> Query:
        """Translate a statement; raises QueryError."""
        return translate(
            request.query, self._catalog, now=self._clock(), parameters=request.parameters, row_text_bytes=self._row_text_bytes
        )

    def run(self, request: QueryRequest, query: Query, execution: Execution) -> QueryResult:
        """Run a translated statement; raises QueryError."""
        sql = select_output(query, 2 * self._row_text_bytes)
        while True:
            result = QueryResult(query.columns, request.format(), request.header_options(), self._result_memory)
            try:
                self._fetch(sql, result, execution)
            except BaseException as error:
                result.release()
                if isinstance(error, duckdb.InterruptException) and not execution.is_interrupted:
                    if execution.attempts < MAX_ATTEMPTS:
                        continue  # the writer or the memory guard interrupted it
                    raise QueryError(NO_MEMORY, LIMIT) from None
                if isinstance(error, duckdb.Error):
                    raise to_query_error(error) from None
                raise
            return result

    def _fetch(self, sql: str, result: QueryResult, execution: Execution) -> None:
        with self._store.reading() as cursor, execution.attempt(cursor):
            # DuckDB loses an interrupt that comes too early, so it gets a time limit too.
            cursor.execute(f"SET max_execution_time = {math.ceil(1000 * self._settings.query_timeout_seconds)}")
            cursor.execute(f"SET streaming_buffer_size = '{STREAMING_BUFFER}'")
            cursor.execute(sql)
            count = 0
            while rows := cursor.fetchmany(FETCH_ROWS):
                count += len(rows)
                result.add(rows)
                if count > self._settings.max_rows:
                    raise QueryError(f"The result has more than {self._settings.max_rows} rows: add a LIMIT, or group.", LIMIT)
            result.end()


def to_query_error(error: duckdb.Error) -> QueryError:
    """Map an error of DuckDB to Druid's, without the DuckDB SQL that its further lines quote."""
    message = first_line(error)
    if isinstance(error, duckdb.InterruptException):
        return QueryError("Query was interrupted", TIMEOUT)
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError(f"Not enough memory for the query, raise HEADRACE_MINIDRUID_MEMORY_LIMIT: {message}", LIMIT)
    if isinstance(error, duckdb.InvalidInputException) and TOO_LONG in message:
        return QueryError(message[message.index(TOO_LONG) :], LIMIT)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return QueryError(NOT_PLANNED.format(message))
    if isinstance(error, duckdb.ConversionException):
        return QueryError(message)
    return QueryError(message, RUNTIME)
