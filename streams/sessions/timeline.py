"""The sessions of one party, by id and by time; a lookup takes logarithmic time in their number."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Final

from schemas.codec import Record
from streams.sessions.assignment import extend_session
from streams.sink import Session

MAX_SCANNED: Final = 4  # up to this number, a scan is cheaper than a sorted timeline


class Timeline:
    """Sessions sorted by their ends, without those that no event can join by time.

    A session hides another if it begins no later and ends no earlier, because it is at least as near to any instant. The others are sorted
    by beginnings as well as by ends. Sessions only grow, so a hidden one stays hidden until it grows itself.
    """

    __slots__ = ("_ends", "_sessions")

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._ends: list[int] = []
        self._sessions: list[Session] = []
        for session in sessions:
            self.put(session)

    def around(self, at: int) -> Collection[Session]:
        """Return the last session that ends before an instant and the first that ends at or after it; one of them is the nearest."""
        place = bisect_left(self._ends, at)
        return self._sessions[max(place - 1, 0) : place + 1]

    def put(self, session: Session) -> None:
        """Insert a session and drop those that it hides."""
        ends, sessions = self._ends, self._sessions
        start = stop = bisect_left(ends, session.last_at)
        if stop < len(ends):
            if beginning(sessions[stop]) <= beginning(session):
                return
            stop += ends[stop] == session.last_at
        while start and beginning(sessions[start - 1]) > beginning(session):
            start -= 1
        ends[start:stop] = [session.last_at]
        sessions[start:stop] = [session]

    def remove(self, session: Session) -> None:
        """Remove a session before it grows."""
        place = bisect_left(self._ends, session.last_at)
        if place < len(self._ends) and self._sessions[place] is session:
            del self._ends[place], self._sessions[place]


class PartySessions:
    """The sessions of one party."""

    __slots__ = ("_timeline", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[str, Session] = {}
        self._timeline: Timeline | None = None  # created when first needed: parties that name their sessions need none

    def add(self, session: Session) -> None:
        """Add a session, or replace its state."""
        if self._timeline is not None:
            if (before := self.by_id.get(session.session_id)) is not None:
                self._timeline.remove(before)
            self._timeline.put(session)
        self.by_id[session.session_id] = session

    def discard(self, session_id: str) -> None:
        """Drop a session; sessions that it hid become visible."""
        del self.by_id[session_id]
        self._timeline = None

    def extend(self, session: Session, record: Record) -> None:
        """Add an event to one of the sessions."""
        if self._timeline is None:
            extend_session(session, record)
        else:
            self._timeline.remove(session)
            extend_session(session, record)
            self._timeline.put(session)

    def around(self, at: int) -> Collection[Session]:
        """Return a few sessions, including the nearest to an instant."""
        if self._timeline is None:
            if len(self.by_id) <= MAX_SCANNED:
                return self.by_id.values()
            self._timeline = Timeline(self.by_id.values())
        return self._timeline.around(at)


def beginning(session: Session) -> tuple[int, str]:
    """Return the sort key for ties: of two sessions equally near to an instant, the smaller one gets the event."""
    return session.first_at, session.session_id
