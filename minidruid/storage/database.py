"""Opens the DuckDB file: creates its tables, and locks its settings so that no statement reaches files or the network."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from minidruid.errors import StoreError, first_line
from minidruid.sql.types import quote_name
from minidruid.storage.dead_letters import DEAD_LETTERS
from minidruid.storage.sessions import SESSIONS
from minidruid.storage.tables import EVENT_FILTERS, EVENT_RUNS, EVENTS, LEDGER, POSITIONS
from startup.atomic_files import close_file

TABLE = "clickstream"
STATE_TABLES = (EVENTS, EVENT_RUNS, EVENT_FILTERS, SESSIONS, LEDGER, DEAD_LETTERS, POSITIONS)
UNLOCKED_SETTINGS = ("max_execution_time", "streaming_buffer_size")  # the engine changes these
MAX_SPILL_BYTES = 4_000_000_000  # on disk beside the file, of all queries


def open_database(path: Path, columns: Mapping[str, str], memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Open the file, or create it; raises StoreError if it cannot be used."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in (path, path.with_name(f"{path.name}.wal")):
        close_file(file)
    # The translator rejects statements that reach a file or the network; DuckDB does too.
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
            f"{path} cannot be opened: {first_line(error)}. It must be a DuckDB file of minidruid that no other process has open."
        ) from error
    try:
        create_tables(database, columns)
    except StoreError:
        database.close()
        raise
    unlocked = f"allowed_configs = [{', '.join(map(repr, UNLOCKED_SETTINGS))}]"
    for setting in ("TimeZone = 'UTC'", "python_enable_replacements = false", unlocked, "lock_configuration = true"):
        database.execute(f"SET GLOBAL {setting}")
    return database


def create_tables(database: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> None:
    """Create missing tables and columns; existing columns stay, even if the contract no longer has them."""
    database.execute("CREATE SCHEMA IF NOT EXISTS druid")
    database.execute("CREATE SCHEMA IF NOT EXISTS state")
    for statement in (*(state.create() for state in STATE_TABLES), *LEDGER.add_missing_columns()):
        database.execute(statement)
    definitions = ", ".join(f"{quote_name(name)} {duckdb_type}" for name, duckdb_type in columns.items())
    database.execute(f"CREATE TABLE IF NOT EXISTS druid.{TABLE} ({definitions})")
    existing = dict(
        database.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'druid' AND table_name = ?", [TABLE]
        ).fetchall()
    )
    for name, duckdb_type in columns.items():
        if name not in existing:
            database.execute(f"ALTER TABLE druid.{TABLE} ADD COLUMN {quote_name(name)} {duckdb_type}")
        elif existing[name] != duckdb_type:
            raise StoreError(
                f"column {name} of {TABLE} is {existing[name]}, the contract says {duckdb_type}: "
                "rename the field, or move the DuckDB file away."
            )
