"""The sessions of one party, by id and by time; a lookup takes logarithmic time however many sessions the party names."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Final

from schemas.codec import Record
from streams.sessions.assignment import extend_session
from streams.sink import Session

MAX_SCANNED: Final = 4  # so few sessions are looked through; an order of them would cost more than it saves


class Timeline:
    """Sessions ordered by their ends, without those that no event can join by time.

    A session hides another when it begins no later and ends no earlier: it is at least as near to any instant. What is left is ordered
    by beginnings as well as by ends. Sessions only grow, so a hidden one stays hidden until it grows itself.
    """

    __slots__ = ("_ends", "_sessions")

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._ends: list[int] = []
        self._sessions: list[Session] = []
        for session in sessions:
            self.put(session)

    def around(self, at: int) -> Collection[Session]:
        """The last session that ends before an instant, and the first that ends at or after it: one of them is the nearest."""
        place = bisect_left(self._ends, at)
        return self._sessions[max(place - 1, 0) : place + 1]

    def put(self, session: Session) -> None:
        """Insert a session; drop those that it hides."""
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
        """Remove a session that is about to grow."""
        place = bisect_left(self._ends, session.last_at)
        if place < len(self._ends) and self._sessions[place] is session:
            del self._ends[place], self._sessions[place]


class PartySessions:
    """Sessions of one party."""

    __slots__ = ("_timeline", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[str, Session] = {}
        self._timeline: Timeline | None = None  # made when it is first needed: parties that name their sessions need none

    def add(self, session: Session) -> None:
        """Add a session, or put its new state in the place of the old."""
        if self._timeline is not None:
            if (before := self.by_id.get(session.session_id)) is not None:
                self._timeline.remove(before)
            self._timeline.put(session)
        self.by_id[session.session_id] = session

    def discard(self, session_id: str) -> None:
        """Forget a session; what it hid is to be seen again."""
        del self.by_id[session_id]
        self._timeline = None

    def extend(self, session: Session, record: Record) -> None:
        """Take one more event into one of the sessions."""
        if self._timeline is None:
            extend_session(session, record)
        else:
            self._timeline.remove(session)
            extend_session(session, record)
            self._timeline.put(session)

    def around(self, at: int) -> Collection[Session]:
        """A few sessions, among them the nearest to an instant."""
        if self._timeline is None:
            if len(self.by_id) <= MAX_SCANNED:
                return self.by_id.values()
            self._timeline = Timeline(self.by_id.values())
        return self._timeline.around(at)


def beginning(session: Session) -> tuple[int, str]:
    """Of two sessions equally near to an instant, the one with the smaller beginning takes the event."""
    return session.first_at, session.session_id
