"""Answers a statement from the store: translated, run on a cursor of its own, bounded in rows, bytes and time."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import duckdb

from minidruid.errors import LIMIT, RUNTIME, TIMEOUT, QueryError
from minidruid.requests import QueryRequest
from minidruid.results import Answer, Room, hand_out
from minidruid.settings import Settings
from minidruid.sql.catalog import Catalog
from minidruid.sql.limits import TOO_LONG, allowance
from minidruid.sql.queries import Query
from minidruid.sql.translate import translate

ROWS_AT_A_TIME = 128  # as Python's values: the bytes of a row are bounded

MAX_TIMES = 3  # that a query is begun, when it is ended for want of memory
NO_MEMORY = "Not enough memory for the query beside others: ask for less, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT"
STREAMING_BUFFER = "1MB"  # of rows that DuckDB is ahead of its reader


class CursorsProtocol(Protocol):
    """The side of the store that queries need."""

    def cursor(self) -> duckdb.DuckDBPyConnection: ...
    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...
    def catalog(self) -> Mapping[str, Mapping[str, str]]: ...


@dataclass
class Running:
    """A statement on its way; it may be interrupted from another thread, before it has begun too."""

    times: int = 0
    is_interrupted: bool = False
    _cursor: duckdb.DuckDBPyConnection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def on(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Run on this cursor; raises QueryError if it was interrupted before."""
        with self._lock:
            if self.is_interrupted:
                raise QueryError("Query was interrupted before it began", TIMEOUT)
            self._cursor = cursor
            self.times += 1
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
    """Turns requests into answers; safe to use from several threads."""

    def __init__(self, store: CursorsProtocol, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._row_text_bytes = allowance(settings.memory_bytes)
        self._room = Room(settings.max_result_bytes)
        cursor = store.cursor()
        zones = [name for (name,) in cursor.execute("SELECT name FROM pg_timezone_names()").fetchall()]
        cursor.close()
        self._catalog = Catalog.of_duckdb(store.catalog(), zones)

    def answer(self, request: QueryRequest, running: Running) -> Answer:
        """Translate and run a statement; raises QueryError."""
        return self.run(request, self.translate(request), running)

    def translate(self, request: QueryRequest) -> Query:
        """Translate a statement; raises QueryError."""
        return translate(
            request.query, self._catalog, now=self._clock(), parameters=request.parameters, row_text_bytes=self._row_text_bytes
        )

    def run(self, request: QueryRequest, query: Query, running: Running) -> Answer:
        """Run a translated statement; raises QueryError."""
        sql = hand_out(query, 2 * self._row_text_bytes)
        while True:
            answer = Answer(query.columns, request.format(), request.headers(), self._room)
            try:
                self._fetch(sql, answer, running)
            except BaseException as error:
                answer.release()
                if isinstance(error, duckdb.InterruptException) and not running.is_interrupted:
                    if running.times < MAX_TIMES:
                        continue  # memory was needed for a moment
                    raise QueryError(NO_MEMORY, LIMIT) from None
                if isinstance(error, duckdb.Error):
                    raise refusal_of(error) from None
                raise
            return answer

    def _fetch(self, sql: str, answer: Answer, running: Running) -> None:
        with self._store.reading() as cursor, running.on(cursor):
            # An interrupt is lost if it comes too early, so there is a limit in DuckDB too.
            cursor.execute(f"SET max_execution_time = {math.ceil(1000 * self._settings.query_timeout_seconds)}")
            cursor.execute(f"SET streaming_buffer_size = '{STREAMING_BUFFER}'")
            cursor.execute(sql)
            count = 0
            while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                count += len(rows)
                answer.add(rows)
                if count > self._settings.max_rows:
                    raise QueryError(f"The answer has more than {self._settings.max_rows} rows: add a LIMIT, or group.", LIMIT)
            answer.end()


def refusal_of(error: duckdb.Error) -> QueryError:
    """What Druid would call an error of DuckDB; the text without DuckDB's copy of a statement that the client never wrote."""
    text = str(error).split("\n")[0]
    if isinstance(error, duckdb.InterruptException):
        return QueryError("Query was interrupted", TIMEOUT)
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError(f"Not enough memory for the query, raise HEADRACE_MINIDRUID_MEMORY_LIMIT: {text}", LIMIT)
    if isinstance(error, duckdb.InvalidInputException) and TOO_LONG in text:
        return QueryError(text[text.index(TOO_LONG) :], LIMIT)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return QueryError(f"Query could not be planned. A possible reason is [{text}]")
    if isinstance(error, duckdb.ConversionException):
        return QueryError(text)
    return QueryError(text, RUNTIME)
