"""Assigns events to sessions and updates the session. Events are processed in arrival order; earlier results are never revised."""

from collections.abc import Iterable

from schemas.codec import Record
from streams.sessions.party import Identity
from streams.sink import Session

PAGE_VIEW = "pageView"

# Sums of what pages report stay exact in every JSON reader and far from the end of a BIGINT.
MAX_ENGAGEMENT_MS = 1 << 53


def find_session(sessions: Iterable[Session], at: int, timeout_ms: int) -> Session | None:
    """Return the session whose [first - timeout, last + timeout] contains the instant: the nearest, on a tie the earliest."""
    found: Session | None = None
    best: tuple[int, int, str] | None = None
    for session in sessions:
        first, last = session.first_at, session.last_at
        distance = first - at if at < first else at - last if at > last else 0
        if distance <= timeout_ms:
            order = (distance, first, session.session_id)
            if best is None or order < best:
                found, best = session, order
    return found


def open_session(identity: Identity, session_id: str, record: Record, channel: str, source: str | None) -> Session:
    """Return a new session with the event that opens it.

    The page of this event is the landing page, even if it is not a page view: the visitor was there when the pause ended.
    """
    site, party_id = identity.parties[0]
    is_page_view = record["event_type"] == PAGE_VIEW
    return Session(
        site=site,
        party_id=party_id,
        session_id=session_id,
        first_at=record["occurred_at"],
        last_at=record["occurred_at"],
        pages=int(is_page_view),
        engagement_ms=_engagement(record),
        page_path=record["page_path"],
        previous_page_path=None,
        landing_page_path=record["page_path"],
        channel=channel,
        source=source,
    )


def extend_session(session: Session, record: Record) -> None:
    """Add an event to a session."""
    at = record["occurred_at"]
    if at > session.last_at:
        session.last_at = at
    elif at < session.first_at:
        session.first_at = at
    if record["engagement_ms"]:
        session.engagement_ms = min(session.engagement_ms + _engagement(record), MAX_ENGAGEMENT_MS)
    if record["event_type"] == PAGE_VIEW:
        session.pages += 1
        session.previous_page_path = session.page_path
        session.page_path = record["page_path"]
        if session.landing_page_path is None:
            session.landing_page_path = session.page_path


def _engagement(record: Record) -> int:
    return min(max(record["engagement_ms"] or 0, 0), MAX_ENGAGEMENT_MS)
