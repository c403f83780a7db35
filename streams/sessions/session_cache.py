"""The session cache: a bounded part of the sessions in the sink, for recently seen parties."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from schemas.codec import Record
from streams.sessions.party import Identity
from streams.sessions.timeline import PartySessions, beginning
from streams.sink import CommittedState, Party, Session

# More sessions than a visitor has in years: bounds what one party can make the converter hold.
MAX_SESSIONS_PER_PARTY: Final = 5000

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


@dataclass(slots=True)
class _Party:
    """The cached sessions of a party, and the number of all its sessions."""

    count: int
    sessions: PartySessions = field(default_factory=PartySessions)
    known_after: int = _LATEST  # for instants after this one, up to the next, the nearest session is cached
    known_until: int = _EARLIEST

    def is_whole(self) -> bool:
        """Whether all sessions of the party are cached."""
        return len(self.sessions.by_id) == self.count

    def knows(self, at: int) -> bool:
        """Whether the session nearest to an instant is cached."""
        return self.known_after < at <= self.known_until

    def learn(self, at: int) -> None:
        """Mark the sessions on both sides of an instant as cached: between their ends, they remain the nearest."""
        near = self.sessions.around(at)
        after = max((session.last_at for session in near if session.last_at < at), default=_EARLIEST)
        following = min((session for session in near if session.last_at >= at), key=beginning, default=None)
        until = _LATEST if following is None else following.last_at
        if after <= self.known_until and self.known_after <= until:
            after, until = min(after, self.known_after), max(until, self.known_until)
        self.known_after, self.known_until = after, until


class SessionCache:
    """The sessions that events need, by party. Nothing leaves the cache between two commits, so that it is never behind the sink.

    An event reads at most two sessions of each of its parties from the sink, however many sessions the party has.
    """

    def __init__(self, state: CommittedState, max_sessions: int) -> None:
        self._state = state
        self._max_sessions = max_sessions
        self._parties: OrderedDict[Party, _Party] = OrderedDict()
        self._weight = 0  # number of cached sessions and parties

    def recall(self, events: Sequence[tuple[Identity, int]]) -> None:
        """Load the sessions that these events need, given as identity and instant, with at most one query of each kind."""
        wanted = dict.fromkeys(party for identity, _ in events for party in identity.parties)
        self._add_parties(wanted)
        partly = {key: party for key in wanted if not (party := self._parties[key]).is_whole()}
        if not partly:
            return
        lookups = [(key, identity.session_id, at) for identity, at in events for key in identity.parties if key in partly]
        names = {(*key, name) for key, name, _ in lookups if name is not None and name not in partly[key].sessions.by_id}
        if names:
            self._add_sessions(self._state.sessions_named(names))
        instants = {(*key, at) for key, name, at in lookups if name is None and not partly[key].knows(at)}
        if instants:
            self._add_sessions(self._state.sessions_around(instants))
        for site, party_id, at in instants:
            self._parties[site, party_id].learn(at)

    def around(self, identity: Identity, at: int) -> Iterator[Session]:
        """Return a few sessions of the identity's parties, including the nearest to an instant."""
        return chain.from_iterable(self._parties[key].sessions.around(at) for key in identity.parties)

    def named(self, identity: Identity, session_id: str) -> Session | None:
        """Return the session that the page named, or None."""
        return self._parties[identity.parties[0]].sessions.by_id.get(session_id)

    def has_room(self, identity: Identity) -> bool:
        """Whether the party may open another session."""
        return self._parties[identity.parties[0]].count < MAX_SESSIONS_PER_PARTY

    def add(self, session: Session) -> None:
        """Add a new session."""
        party = self._parties[session.site, session.party_id]
        party.sessions.add(session)
        party.count += 1
        self._weight += 1

    def extend(self, session: Session, record: Record) -> None:
        """Add an event to a session."""
        self._parties[session.site, session.party_id].sessions.extend(session, record)

    def shrink(self) -> None:
        """Evict the least recently seen parties, down to the bound; call it after a commit only."""
        while self._weight > self._max_sessions:
            _, party = self._parties.popitem(last=False)
            self._weight -= 1 + len(party.sessions.by_id)

    def forget(self) -> None:
        """Empty the cache after a failed commit."""
        self._parties.clear()
        self._weight = 0

    def _add_parties(self, parties: Iterable[Party]) -> None:
        """Cache these parties with the number of their sessions, as the most recently seen."""
        if unknown := [party for party in parties if party not in self._parties]:
            counts = self._state.session_counts(unknown)
            self._parties.update((party, _Party(counts.get(party, 0))) for party in unknown)
            self._weight += len(unknown)
        for party in parties:
            self._parties.move_to_end(party)

    def _add_sessions(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            party = self._parties.get((session.site, session.party_id))  # None: of another party with the same hash in the sink
            if party is not None and session.session_id not in party.sessions.by_id:
                party.sessions.add(session)
                self._weight += 1
