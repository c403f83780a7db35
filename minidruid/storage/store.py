"""The rows of one machine and the state of the converter in DuckDB: one commit for both, many readers."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import duckdb
import pyarrow as pa

from minidruid.errors import StoreFailed, first_line
from minidruid.sizes import parse_size
from minidruid.sql.types import quote_name
from minidruid.storage import dead_letters
from minidruid.storage.database import MAX_SPILL_BYTES, TABLE, open_database
from minidruid.storage.dead_letters import DEAD_LETTERS, DELETE_EXPIRED, DELETE_REPLAYED, EXPIRY_INTERVAL_MS, RETENTION_MS
from minidruid.storage.memory import MemoryGuard
from minidruid.storage.protocols import BatchProtocol, ColumnProtocol, LetterFilterProtocol
from minidruid.storage.readers import Readers
from minidruid.storage.seen_keys import SeenKeys, split_key
from minidruid.storage.sessions import (
    DELETE_SESSIONS_WITHOUT_ROWS,
    SESSION_COUNTS,
    SESSION_FIELDS,
    SESSION_KEYS,
    SESSIONS,
    SESSIONS_AROUND,
    SESSIONS_NAMED,
    delete_sessions,
    hash_names,
    session_row,
)
from minidruid.storage.tables import EVENTS, LEDGER, POSITIONS, StateTable, arrow_table
from minidruid.storage.writer import Writer
from topics.accounts import COUNTS
from topics.ledger import MINUTE_MS

# Rows are found first, and deleted later by rowid: only finding them takes time.
FIND_ROWS = f"SELECT stored.rowid, site, event_id FROM druid.{TABLE} AS stored SEMI JOIN batch USING (event_id, site)"
ROW_IDS = {"row_id": "BIGINT"}
DELETE_ROWS = f"DELETE FROM druid.{TABLE} WHERE rowid IN (SELECT row_id FROM batch)"
DELETED_COLUMNS = ("received_at", "source", "site", "party_id", "session_id")  # of a deleted row, for its account and its session
SESSION_NAMES = {"session_hash": "BIGINT", "site": "VARCHAR", "party_id": "VARCHAR", "session_id": "VARCHAR"}

SessionT = TypeVar("SessionT")
AccountT = TypeVar("AccountT")
Result = TypeVar("Result")

_session_values = attrgetter(*SESSION_FIELDS)
_account_values = attrgetter(*COUNTS)
_dead_letter_values = attrgetter(*DEAD_LETTERS.columns)


class Store(Generic[SessionT, AccountT]):
    """One DuckDB file: a writer, under a lock, and a cursor for each reader; readers see whole batches only."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        path: Path,
        memory_bytes: int,
        columns: Mapping[str, str],
        session: Callable[..., SessionT],
        account: Callable[..., AccountT],
        never_replayed: Iterable[str] = (),
    ) -> None:
        self._never_replayed, self._dead_letters_expired_at = [str(reason) for reason in never_replayed], 0
        self._database = database
        self._readers = Readers(database.cursor)
        self._writer = Writer(database, self._readers, path)
        self._guard = MemoryGuard(database, self._readers, memory_bytes, MAX_SPILL_BYTES)
        self._lock = threading.RLock()
        self._columns = columns
        self._values = itemgetter(*columns)
        self._session = session
        self._account = account
        self._seen = SeenKeys(self._writer)
        names = ", ".join(map(quote_name, columns))
        self._insert_rows = f"INSERT INTO druid.{TABLE} ({names}) SELECT {names} FROM batch"
        deleted = ", ".join(name if name in columns else "NULL" for name in DELETED_COLUMNS)
        self._select_rows = f"SELECT rowid, site, event_id, {deleted} FROM druid.{TABLE} WHERE rowid IN (SELECT row_id FROM batch)"

    @classmethod
    def open(
        cls,
        path: Path,
        columns: Iterable[ColumnProtocol],
        *,
        session: Callable[..., SessionT],
        account: Callable[..., AccountT],
        never_replayed: Iterable[str] = (),
        memory_limit: str = "256MB",
        threads: int = 2,
    ) -> Self:
        """Open the file, or create it; `session` and `account` construct the converter's types.

        Dead letters for a reason in `never_replayed` expire after 14 days, because they contain IP addresses and user agents.

        Raises StoreError if another process has the file open, it is not a DuckDB file, or a column does not have the contract's type.
        """
        duckdb_types = {column.name: column.duckdb for column in columns}
        database = open_database(path, duckdb_types, memory_limit, threads)
        return cls(database, path, parse_size(memory_limit), duckdb_types, session, account, never_replayed)

    def close(self) -> None:
        """Write the log to the file and close it."""
        with self._lock:
            self._guard.close()
            self._writer.close()
            self._database.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for a reader, which closes it; a statement sees the data of its start."""
        return self._database.cursor()

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Return a connection for one query, which is interrupted when the writer needs its memory."""
        return self._readers.reading()

    def catalog(self) -> Mapping[str, Mapping[str, str]]:
        """Return the tables that queries can read, with the DuckDB type of each column."""
        with closing(self.cursor()) as cursor:
            found = cursor.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'druid' ORDER BY table_name, ordinal_position"
            ).fetchall()
        tables: dict[str, dict[str, str]] = {}
        for table, column, duckdb_type in found:
            tables.setdefault(table, {})[column] = duckdb_type
        return tables

    def position(self, topic: str) -> int:
        """Return the position of the last commit for a topic; 0 before the first."""
        with self._lock:
            found = self._writer.retry(
                lambda: self._writer.execute("SELECT position FROM state.positions WHERE topic = ?", [topic]).fetchall()
            )
        return found[0][0] if found else 0

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the payload hashes of those keys that are stored."""
        with self._lock:
            return self._writer.retry(lambda: self._seen.payloads(keys))

    def session_counts(self, parties: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """Return the number of sessions of each party (site, party id) that has any."""
        hashes = {hash_names(*party): party for party in parties}
        found = self._execute_over(SESSION_COUNTS, {"party_hash": "BIGINT"}, [(party_hash,) for party_hash in hashes])
        return {hashes[party_hash]: count for party_hash, count in found}

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[SessionT]:
        """Return the sessions with these names (site, party id, session id)."""
        return self._sessions(SESSIONS_NAMED, {"session_hash": "BIGINT"}, [(hash_names(*name),) for name in names])

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[SessionT]:
        """Return for each (site, party id, instant) the party's last session before the instant and its first one after."""
        rows = [(hash_names(site, party_id), instant) for site, party_id, instant in instants]
        return self._sessions(SESSIONS_AROUND, {"party_hash": "BIGINT", "instant": "BIGINT"}, rows)

    def _sessions(self, statement: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> Sequence[SessionT]:
        found = self._execute_over(statement, columns, rows)
        return [self._session(**dict(zip(SESSION_FIELDS, values, strict=True))) for values in found]

    def ledger(self, since: int) -> dict[tuple[int, str], AccountT]:
        """Return the accounts of all minutes from `since` (milliseconds since 1970)."""
        with closing(self.cursor()) as cursor:
            found = cursor.execute("SELECT * FROM state.ledger WHERE minute >= ? ORDER BY minute, source", [since]).fetchall()
        return {(minute, source): self._account(**dict(zip(COUNTS, counts, strict=True))) for minute, source, *counts in found}

    def dead_letters(self, limit: int, choice: LetterFilterProtocol) -> tuple[int, list[dict[str, Any]]]:
        """Return the number of the chosen dead letters, and the newest of them; the keys are the columns."""
        with closing(self.cursor()) as cursor:
            return dead_letters.newest_dead_letters(cursor, limit, choice)

    def dead_letters_after(self, topic: str, spool: str, position: int, most: int, choice: LetterFilterProtocol) -> list[dict[str, Any]]:
        """Return the chosen dead letters of a topic and its spools after a position of a spool, in order."""
        with closing(self.cursor()) as cursor:
            return dead_letters.dead_letters_after(cursor, topic, spool, position, most, choice)

    def find_rows(self, keys: Sequence[tuple[str, str]]) -> Sequence[tuple[int, str, str]]:
        """Return the rows with these keys (site, event id), each with its rowid; does not block the writer, because it takes time."""
        if not keys:
            return []
        with closing(self.cursor()) as cursor:
            cursor.register("batch", arrow_table({"site": "VARCHAR", "event_id": "VARCHAR"}, keys))
            found = cursor.execute(FIND_ROWS).fetchall()
            cursor.unregister("batch")
        return found

    def commit(self, batch: BatchProtocol) -> None:
        """Store the batch in one transaction; raises StoreFailed if nothing of it is stored."""
        keys = [(*split_key(event.key), event.payload) for event in batch.events]
        with self._lock:
            self._commit(lambda: self._write(batch, keys), f"{len(batch.rows)} rows could not be committed", "Nothing of them is stored")
            self._seen.add(keys)

    def delete(self, rows: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str], AccountT]:
        """Delete found rows, and sessions without any row left; return the accounts of the deleted rows.

        A row whose rowid has changed is not deleted. Raises StoreFailed if nothing is deleted.
        """
        with self._lock:
            return self._commit(lambda: self._delete(rows), f"{len(rows)} rows could not be deleted", "None of them is deleted")

    def _commit(self, work: Callable[[], Result], failure: str, consequence: str) -> Result:
        try:
            return self._writer.commit(work)
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
            raise StoreFailed(
                f"{failure}: {first_line(error)}. {consequence}. If the disk is full, free space and restart the store."
            ) from error

    def _write(self, batch: BatchProtocol, keys: Sequence[tuple[int, int, int]]) -> None:
        if batch.rows:
            with self._batch(arrow_table(self._columns, map(self._values, batch.rows))):
                self._writer.execute(self._insert_rows)
        self._put(EVENTS, keys)
        if batch.replayed:
            self._writer.execute(DELETE_REPLAYED, [batch.topic, batch.replayed])
        self._put(DEAD_LETTERS, [_dead_letter_values(letter) for letter in batch.dead_letters])
        self._expire_dead_letters(batch.made_at)
        self._put_sessions(batch)
        self._add_to_ledger(batch.ledger)
        self._put(POSITIONS, [(batch.topic, batch.position)])

    def _put_sessions(self, batch: BatchProtocol) -> None:
        changed = [session_row(_session_values(session)) for session in batch.sessions]
        new = [session_row(_session_values(session)) for session in batch.new_sessions]
        if changed:
            # A session never starts later than before, so only those from the earliest start on are read.
            first_at = min(session.first_at for session in batch.sessions)
            self._execute_over(delete_sessions(first_at), SESSION_KEYS, [row[:2] for row in changed])
        if changed or new:
            with self._batch(SESSIONS.batch([*changed, *new])):
                self._writer.execute(SESSIONS.insert())

    def _expire_dead_letters(self, now: int) -> None:
        """Delete old dead letters that are never replayed, at most once an hour."""
        if now - self._dead_letters_expired_at >= EXPIRY_INTERVAL_MS:
            self._writer.execute(DELETE_EXPIRED, [now - RETENTION_MS, self._never_replayed])
            self._dead_letters_expired_at = now

    def _delete(self, rows: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str], AccountT]:
        wanted = set(rows)
        stored = self._execute_over(self._select_rows, ROW_IDS, [(row_id,) for row_id, *_ in rows])
        unchanged = [values for values in stored if values[:3] in wanted]
        self._execute_over(DELETE_ROWS, ROW_IDS, [values[:1] for values in unchanged])
        deleted = [values[3:] for values in unchanged]
        sessions = {(hash_names(*name), *name) for _, _, *name in deleted if None not in name}
        self._execute_over(DELETE_SESSIONS_WITHOUT_ROWS, SESSION_NAMES, sorted(sessions))
        counts = Counter((received_at - received_at % MINUTE_MS, source or "") for received_at, source, *_ in deleted)
        accounts = {key: self._account(deleted=count) for key, count in counts.items()}
        self._add_to_ledger(accounts)
        return accounts

    def _add_to_ledger(self, ledger: Mapping[tuple[int, str], Any]) -> None:
        self._put(LEDGER, [(*minute_source, *_account_values(account)) for minute_source, account in ledger.items()], add=True)

    def _put(self, table: StateTable, rows: Sequence[Sequence[object]], *, add: bool = False) -> None:
        if not rows:
            return
        with self._batch(table.batch(rows)):
            for statement in table.add() if add else table.replace():
                self._writer.execute(statement)

    def _execute_over(self, statement: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> list[tuple[Any, ...]]:
        """Execute a statement over the table `batch` of these rows; without rows, it has no result."""
        if not rows:
            return []
        table = arrow_table(columns, rows)

        def execute() -> list[tuple[Any, ...]]:
            with self._batch(table):
                return self._writer.execute(statement).fetchall()

        with self._lock:
            return self._writer.retry(execute)

    @contextmanager
    def _batch(self, table: pa.Table) -> Iterator[None]:
        self._writer.register("batch", table)
        yield  # an error aborts the transaction, and with it the registration
        self._writer.unregister("batch")
