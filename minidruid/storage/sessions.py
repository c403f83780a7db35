"""The table of sessions, and SQL over it."""

import hashlib
from typing import Any

from minidruid.storage.tables import StateTable

SESSION_FIELDS = {
    "site": "VARCHAR",
    "party_id": "VARCHAR",
    "session_id": "VARCHAR",
    "first_at": "BIGINT",
    "last_at": "BIGINT",
    "pages": "BIGINT",
    "engagement_ms": "BIGINT",
    "page_path": "VARCHAR",
    "previous_page_path": "VARCHAR",
    "landing_page_path": "VARCHAR",
    "channel": "VARCHAR",
    "source": "VARCHAR",
}
# Hashes of the names: a join on two numbers is ten times faster than one on three texts.
SESSION_KEYS = {"party_hash": "BIGINT", "session_hash": "BIGINT"}
SESSIONS = StateTable("sessions", SESSION_KEYS | SESSION_FIELDS, keys=2)

# Row ids first, then the rows: reading all columns in the join takes ten times as long.
_SESSIONS_BY_ROWID = f"SELECT {', '.join(SESSION_FIELDS)} FROM state.sessions WHERE rowid IN"
_ROWS_OF_BATCH = "SELECT stored.rowid FROM state.sessions AS stored SEMI JOIN batch USING"
SESSION_COUNTS = "SELECT party_hash, count(*) FROM state.sessions SEMI JOIN batch USING (party_hash) GROUP BY party_hash"
SESSIONS_NAMED = f"{_SESSIONS_BY_ROWID} ({_ROWS_OF_BATCH} (session_hash))"
SESSIONS_AROUND = f"""
WITH mine AS MATERIALIZED (
    SELECT rowid AS row_id, party_hash, first_at, last_at, session_id FROM state.sessions WHERE rowid IN ({_ROWS_OF_BATCH} (party_hash))
)
{_SESSIONS_BY_ROWID} (
    SELECT arg_min(row_id, (-last_at, first_at, session_id))
    FROM mine JOIN batch USING (party_hash) WHERE last_at < instant GROUP BY party_hash, instant
    UNION ALL
    SELECT arg_min(row_id, (first_at, session_id))
    FROM mine JOIN batch USING (party_hash) WHERE last_at >= instant GROUP BY party_hash, instant
)
"""
DELETE_SESSIONS_WITHOUT_ROWS = """
DELETE FROM state.sessions WHERE session_hash IN (
    SELECT session_hash FROM batch ANTI JOIN druid.clickstream USING (session_id, party_id, site)
)
"""


def delete_sessions(first_at: int) -> str:
    """Return SQL that deletes the sessions of the table `batch`, all of which start at or after a time."""
    same = " AND ".join(f"stored.{name} = batch.{name}" for name in SESSION_KEYS)
    return f"DELETE FROM state.sessions AS stored USING batch WHERE {same} AND stored.first_at >= {first_at}"


def hash_names(*names: str) -> int:
    """Return a signed 64-bit hash of names; NUL separates them because no name contains it."""
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def session_row(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the row of a session, from the values of SESSION_FIELDS."""
    site, party_id, session_id = values[:3]
    return (hash_names(site, party_id), hash_names(site, party_id, session_id), *values)
