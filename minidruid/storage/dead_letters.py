"""The table of dead letters, and queries of it."""

from typing import Any

import duckdb

from minidruid.storage.protocols import LetterFilterProtocol
from minidruid.storage.tables import StateTable

DEAD_LETTERS = StateTable(
    "dead_letters",
    {
        "topic": "VARCHAR",
        "position": "BIGINT",
        "stage": "VARCHAR",
        "reason": "VARCHAR",
        "text": "VARCHAR",
        "source": "VARCHAR",
        "event_id": "VARCHAR",
        "received_at": "BIGINT",
        "failed_at": "BIGINT",
        "content": "BLOB",
    },
)

RETENTION_MS = 14 * 86_400_000  # of dead letters that are never replayed; the others are kept until they are replayed
EXPIRY_INTERVAL_MS = 3_600_000
DELETE_EXPIRED = "DELETE FROM state.dead_letters WHERE failed_at < ? AND list_contains(?::VARCHAR[], reason)"
DELETE_REPLAYED = "DELETE FROM state.dead_letters WHERE topic = ? AND position IN (SELECT unnest(?::BIGINT[]))"

_CHOSEN = (
    "($reason = '' OR reason = $reason) AND (len($origins::VARCHAR[]) = 0 OR list_contains($origins::VARCHAR[], topic || '/' || position))"
)
_COUNT = f"SELECT count(*) FROM state.dead_letters WHERE {_CHOSEN}"
_NEWEST = f"SELECT * FROM state.dead_letters WHERE {_CHOSEN} ORDER BY failed_at DESC, position DESC LIMIT $limit"
_AFTER = (
    "SELECT * FROM state.dead_letters WHERE (topic = $topic OR starts_with(topic, $topic || '/')) "
    f"AND (topic > $spool OR topic = $spool AND position > $position) AND {_CHOSEN} ORDER BY topic, position LIMIT $limit"
)


def newest_dead_letters(cursor: duckdb.DuckDBPyConnection, limit: int, choice: LetterFilterProtocol) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of the chosen dead letters, and the newest of them."""
    chosen = _parameters(choice)
    ((total,),) = cursor.execute(_COUNT, chosen).fetchall()
    return total, _dead_letters(cursor.execute(_NEWEST, chosen | {"limit": limit}))


def dead_letters_after(
    cursor: duckdb.DuckDBPyConnection, topic: str, spool: str, position: int, limit: int, choice: LetterFilterProtocol
) -> list[dict[str, Any]]:
    """Return the chosen dead letters of a topic and its spools after a position of a spool, in order."""
    place = {"topic": topic, "spool": spool, "position": position, "limit": limit}
    return _dead_letters(cursor.execute(_AFTER, place | _parameters(choice)))


def _parameters(choice: LetterFilterProtocol) -> dict[str, Any]:
    return {"reason": choice.reason, "origins": choice.origins}


def _dead_letters(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return [dict(zip(DEAD_LETTERS.columns, values, strict=True)) for values in found.fetchall()]
