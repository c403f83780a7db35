"""The rows of one machine in DuckDB, and the converter's memory beside them: committed as one, read by many."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import duckdb
import pyarrow as pa

from minidruid.errors import StoreError, StoreFailed, first_line
from minidruid.sizes import parse_size
from minidruid.sql.types import quote
from minidruid.storage.memory import MemoryGuard
from minidruid.storage.protocols import BatchProtocol, ColumnProtocol, LetterFilterProtocol
from minidruid.storage.readers import Readers
from minidruid.storage.seen_keys import SeenKeys, split
from minidruid.storage.tables import (
    DEAD_LETTERS,
    EVENTS,
    LEDGER,
    POSITIONS,
    SESSION_COUNTS,
    SESSION_FIELDS,
    SESSION_KEYS,
    SESSIONS,
    SESSIONS_AROUND,
    SESSIONS_NAMED,
    SESSIONS_WITHOUT_ROWS,
    StateTable,
    arrow_table,
    create_tables,
    delete_sessions,
    hash_of,
)
from minidruid.storage.writer import Writer
from startup.atomic_files import close_file
from topics.accounts import COUNTS
from topics.ledger import MINUTE_MS

TABLE = "clickstream"
OPEN_SETTINGS = ("max_execution_time", "streaming_buffer_size")  # the program changes these; all others are locked
MAX_SPILL_BYTES = 4_000_000_000  # on disk beside the file, of all queries together

# Of the table of dead letters: those of a choice, and those that a batch replays.
CHOSEN = (
    "($reason = '' OR reason = $reason) AND (len($origins::VARCHAR[]) = 0 OR list_contains($origins::VARCHAR[], topic || '/' || position))"
)
LETTERS_KEPT_MS = 14 * 86_400_000  # those that no replay brings in; the others until they are replayed
LETTERS_TIDIED_MS = 3_600_000
FORGOTTEN = "DELETE FROM state.dead_letters WHERE failed_at < ? AND list_contains(?::VARCHAR[], reason)"
REPLAYED = "DELETE FROM state.dead_letters WHERE topic = ? AND position IN (SELECT unnest(?::BIGINT[]))"

# To find rows takes time, to delete them by number does not.
FOUND = f"SELECT stored.rowid, site, event_id FROM druid.{TABLE} AS stored SEMI JOIN batch USING (event_id, site)"
PLACE = {"place": "BIGINT"}
DELETE_ROWS = f"DELETE FROM druid.{TABLE} WHERE rowid IN (SELECT place FROM batch)"
# Of a row that is deleted: what its account and its session are known by.
FACTS_OF_DELETED = ("received_at", "source", "site", "party_id", "session_id")
SESSION_NAME = {"session_hash": "BIGINT", "site": "VARCHAR", "party_id": "VARCHAR", "session_id": "VARCHAR"}

SessionT = TypeVar("SessionT")
AccountT = TypeVar("AccountT")
Result = TypeVar("Result")

_session_values = attrgetter(*SESSION_FIELDS)
_account_values = attrgetter(*COUNTS)
_dead_letter_values = attrgetter(*DEAD_LETTERS.columns)


class Store(Generic[SessionT, AccountT]):
    """One DuckDB file: a writer, under a lock, and a cursor of its own for each reader; readers see whole batches only."""

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
        self._never_replayed, self._letters_tidied_at = [str(reason) for reason in never_replayed], 0
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
        names = ", ".join(map(quote, columns))
        self._insert_rows = f"INSERT INTO druid.{TABLE} ({names}) SELECT {names} FROM batch"
        facts = ", ".join(name if name in columns else "NULL" for name in FACTS_OF_DELETED)
        self._look_at_rows = f"SELECT rowid, site, event_id, {facts} FROM druid.{TABLE} WHERE rowid IN (SELECT place FROM batch)"

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
        """Open the file, made if need be; sessions and accounts are given back as the types that the converter knows.

        Dead letters of the reasons in `never_replayed` are kept for 14 days: they hold addresses and agents, and are of no further use.

        Raises StoreError if another process has it, it is no DuckDB file, or a column has another type than the contract says.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in (path, path.with_name(f"{path.name}.wal")):
            close_file(file)
        # No statement may reach a file or the network, whatever it is: the translator refuses first, this holds anyway.
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": threads,
            "checkpoint_threshold": "1TB",  # writer.py makes checkpoints
            "max_temp_directory_size": f"{MAX_SPILL_BYTES}B",
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        try:
            database = duckdb.connect(str(path), config=config)
        except duckdb.Error as error:
            raise StoreError(
                f"{path} cannot be opened: {first_line(error)}. One process at a time may have it, and it must be a file of minidruid."
            ) from error
        wanted = {column.name: column.duckdb for column in columns}
        try:
            create_tables(database, TABLE, wanted)
        except StoreError:
            database.close()
            raise
        allowed = f"allowed_configs = [{', '.join(map(repr, OPEN_SETTINGS))}]"
        for setting in ("TimeZone = 'UTC'", "python_enable_replacements = false", allowed, "lock_configuration = true"):
            database.execute(f"SET GLOBAL {setting}")
        return cls(database, path, parse_size(memory_limit), wanted, session, account, never_replayed)

    def close(self) -> None:
        """Write what is in the log to the file and let go of it."""
        with self._lock:
            self._guard.close()
            self._writer.close()
            self._database.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one reader, to be closed by it; what it sees does not change while a statement runs."""
        return self._database.cursor()

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection for one query, which is interrupted when the writer needs its memory."""
        return self._readers.reading()

    def catalog(self) -> Mapping[str, Mapping[str, str]]:
        """The tables that can be asked for: name, and DuckDB type of each column."""
        with closing(self.cursor()) as cursor:
            found = cursor.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'druid' ORDER BY table_name, ordinal_position"
            ).fetchall()
        tables: dict[str, dict[str, str]] = {}
        for table, column, kind in found:
            tables.setdefault(table, {})[column] = kind
        return tables

    def position(self, topic: str) -> int:
        """Where the last commit for this topic ended; 0 before the first."""
        with self._lock:
            found = self._writer.with_memory(
                lambda: self._writer.execute("SELECT position FROM state.positions WHERE topic = ?", [topic]).fetchall()
            )
        return found[0][0] if found else 0

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        """The payload hash of each of the keys that was ever stored."""
        with self._lock:
            return self._writer.with_memory(lambda: self._seen.payloads(keys))

    def session_counts(self, parties: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The number of sessions of each of the parties that has any, given as (site, party id)."""
        hashes = {hash_of(*party): party for party in parties}
        found = self._ask(SESSION_COUNTS, {"party_hash": "BIGINT"}, [(party_hash,) for party_hash in hashes])
        return {hashes[party_hash]: count for party_hash, count in found}

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[SessionT]:
        """The sessions of these names, given as (site, party id, session id)."""
        return self._sessions(SESSIONS_NAMED, {"session_hash": "BIGINT"}, [(hash_of(*name),) for name in names])

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[SessionT]:
        """Of each (site, party id, instant) the party's sessions next to it on both sides."""
        rows = [(hash_of(site, party_id), at) for site, party_id, at in instants]
        return self._sessions(SESSIONS_AROUND, {"party_hash": "BIGINT", "instant": "BIGINT"}, rows)

    def _sessions(self, statement: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> Sequence[SessionT]:
        return [self._session(**dict(zip(SESSION_FIELDS, values, strict=True))) for values in self._ask(statement, columns, rows)]

    def _ask(self, statement: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> list[tuple[Any, ...]]:
        """Execute a statement over the table `batch` of these rows; without rows nothing is found."""
        if not rows:
            return []
        table = arrow_table(columns, rows)

        def ask() -> list[tuple[Any, ...]]:
            with self._batch(table):
                return self._writer.execute(statement).fetchall()

        with self._lock:
            return self._writer.with_memory(ask)

    def ledger(self, since: int) -> dict[tuple[int, str], AccountT]:
        """The accounts of the minutes from `since` on (milliseconds since 1970)."""
        with closing(self.cursor()) as cursor:
            found = cursor.execute("SELECT * FROM state.ledger WHERE minute >= ? ORDER BY minute, source", [since]).fetchall()
        return {(minute, source): self._account(**dict(zip(COUNTS, counts, strict=True))) for minute, source, *counts in found}

    def dead_letters(self, limit: int, choice: LetterFilterProtocol) -> tuple[int, list[dict[str, Any]]]:
        """How many of the chosen messages became no row, and so many of them, the newest first; the keys are the columns."""
        chosen = {"reason": choice.reason, "origins": choice.origins}
        with closing(self.cursor()) as cursor:
            ((total,),) = cursor.execute(f"SELECT count(*) FROM state.dead_letters WHERE {CHOSEN}", chosen).fetchall()
            newest = f"SELECT * FROM state.dead_letters WHERE {CHOSEN} ORDER BY failed_at DESC, position DESC LIMIT $limit"
            found = cursor.execute(newest, chosen | {"limit": limit}).fetchall()
        return total, [dict(zip(DEAD_LETTERS.columns, values, strict=True)) for values in found]

    def dead_letters_after(self, topic: str, spool: str, position: int, most: int, choice: LetterFilterProtocol) -> list[dict[str, Any]]:
        """Give the chosen dead letters of a topic and its spools, from the first behind a position in one of them on, in order."""
        statement = (
            "SELECT * FROM state.dead_letters WHERE (topic = $topic OR starts_with(topic, $topic || '/')) "
            f"AND (topic > $spool OR topic = $spool AND position > $position) AND {CHOSEN} ORDER BY topic, position LIMIT $most"
        )
        place = {"topic": topic, "spool": spool, "position": position}
        asked = place | {"most": most, "reason": choice.reason, "origins": choice.origins}
        with closing(self.cursor()) as cursor:
            found = cursor.execute(statement, asked).fetchall()
        return [dict(zip(DEAD_LETTERS.columns, values, strict=True)) for values in found]

    def commit(self, batch: BatchProtocol) -> None:
        """Store the batch in one transaction; raises StoreFailed, and then nothing of it is stored."""
        pairs = [(*split(event.key), event.payload) for event in batch.events]
        with self._lock:
            self._commit(lambda: self._write(batch, pairs), f"{len(batch.rows)} rows could not be committed", "Nothing of them is stored")
            self._seen.add(pairs)

    def find_rows(self, keys: Sequence[tuple[str, str]]) -> Sequence[tuple[int, str, str]]:
        """Return the rows of these keys (site, event id), each with its number; from any thread, for it takes time."""
        if not keys:
            return []
        with closing(self.cursor()) as cursor:
            cursor.register("batch", arrow_table({"site": "VARCHAR", "event_id": "VARCHAR"}, keys))
            found = cursor.execute(FOUND).fetchall()
            cursor.unregister("batch")
        return found

    def delete(self, rows: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str], AccountT]:
        """Delete rows that were found, and sessions without a row left; what they count for as deleted.

        A row that has another number by now is left for another time. Raises StoreFailed, and then nothing of it is deleted.
        """
        with self._lock:
            return self._commit(lambda: self._delete(rows), f"{len(rows)} rows could not be deleted", "All are there still")

    def _delete(self, rows: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str], AccountT]:
        wanted = set(rows)
        there = self._ask(self._look_at_rows, PLACE, [(place,) for place, *_ in rows])
        found = [values for place, site, event_id, *values in there if (place, site, event_id) in wanted]
        self._ask(DELETE_ROWS, PLACE, [row[:1] for row in there if row[:3] in wanted])
        sessions = {(hash_of(*name), *name) for _, _, *name in found if None not in name}
        self._ask(SESSIONS_WITHOUT_ROWS, SESSION_NAME, sorted(sessions))
        counts = Counter((received_at - received_at % MINUTE_MS, source or "") for received_at, source, *_ in found)
        accounts = {key: self._account(deleted=count) for key, count in counts.items()}
        self._put_ledger(accounts)
        return accounts

    def _commit(self, work: Callable[[], Result], failed: str, left: str) -> Result:
        """Commit what the work does, or nothing of it."""
        try:
            return self._writer.commit(work)
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
            raise StoreFailed(f"{failed}: {first_line(error)}. {left}. If the disk is full, free space and start again.") from error

    def _write(self, batch: BatchProtocol, pairs: Sequence[tuple[int, int, int]]) -> None:
        if batch.rows:
            with self._batch(arrow_table(self._columns, map(self._values, batch.rows))):
                self._writer.execute(self._insert_rows)
        self._put(EVENTS, pairs)
        if batch.replayed:
            self._writer.execute(REPLAYED, [batch.topic, batch.replayed])
        self._put(DEAD_LETTERS, [_dead_letter_values(letter) for letter in batch.dead_letters])
        self._forget_letters(batch.made_at)
        self._put_sessions(batch)
        self._put_ledger(batch.ledger)
        self._put(POSITIONS, [(batch.topic, batch.position)])

    def _put_sessions(self, batch: BatchProtocol) -> None:
        changed, new = ([_session_row(_session_values(one)) for one in sessions] for sessions in (batch.sessions, batch.new_sessions))
        if changed:
            # A session begins no later than before: what begins after the earliest of them is all that need be read.
            self._ask(delete_sessions(min(session.first_at for session in batch.sessions)), SESSION_KEYS, [row[:2] for row in changed])
        if changed or new:
            with self._batch(SESSIONS.batch([*changed, *new])):
                self._writer.execute(SESSIONS.insert())

    def _forget_letters(self, now: int) -> None:
        """Delete old dead letters that no replay brings in, at most once an hour."""
        if now - self._letters_tidied_at >= LETTERS_TIDIED_MS:
            self._writer.execute(FORGOTTEN, [now - LETTERS_KEPT_MS, self._never_replayed])
            self._letters_tidied_at = now

    def _put_ledger(self, ledger: Mapping[tuple[int, str], Any]) -> None:
        self._put(LEDGER, [(*minute_source, *_account_values(account)) for minute_source, account in ledger.items()], add=True)

    def _put(self, table: StateTable, rows: Sequence[Sequence[object]], *, add: bool = False) -> None:
        if not rows:
            return
        with self._batch(table.batch(rows)):
            for statement in table.add() if add else table.put():
                self._writer.execute(statement)

    @contextmanager
    def _batch(self, table: pa.Table) -> Iterator[None]:
        self._writer.register("batch", table)
        yield  # after an error the transaction is aborted, and takes the registration with it
        self._writer.unregister("batch")


def _session_row(values: tuple[Any, ...]) -> tuple[Any, ...]:
    site, party_id, session_id = values[:3]
    return (hash_of(site, party_id), hash_of(site, party_id, session_id), *values)
