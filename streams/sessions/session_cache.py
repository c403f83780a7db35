"""The converter's memory of sessions: a bounded part of what the sink holds, for the parties seen lately."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from schemas.codec import Record
from streams.sessions.party import Identity
from streams.sessions.timeline import PartySessions, beginning
from streams.sink import CommittedState, Party, Session

# More sessions than a visitor makes in years. What a party makes the converter hold ends here.
MAX_SESSIONS_PER_PARTY: Final = 5000

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


@dataclass(slots=True)
class _Party:
    """A party's sessions as far as they are here, and how many it has."""

    count: int
    sessions: PartySessions = field(default_factory=PartySessions)
    known_after: int = _LATEST  # of an instant after this one, up to the next, the nearest session is here
    known_until: int = _EARLIEST

    def is_whole(self) -> bool:
        """Whether all sessions of the party are here."""
        return len(self.sessions.by_id) == self.count

    def knows(self, at: int) -> bool:
        """Whether the session nearest to an instant is here."""
        return self.known_after < at <= self.known_until

    def learn(self, at: int) -> None:
        """Note that the sessions next to an instant on both sides are here: between their ends they remain the nearest."""
        near = self.sessions.around(at)
        after = max((session.last_at for session in near if session.last_at < at), default=_EARLIEST)
        following = min((session for session in near if session.last_at >= at), key=beginning, default=None)
        until = _LATEST if following is None else following.last_at
        if after <= self.known_until and self.known_after <= until:
            after, until = min(after, self.known_after), max(until, self.known_until)
        self.known_after, self.known_until = after, until


class SessionCache:
    """The sessions that events need, by party. Between two commits nothing leaves it, so that it is never behind the sink.

    An event costs at most two sessions from the sink, whatever its party has named before.
    """

    def __init__(self, memory: CommittedState, max_sessions: int) -> None:
        self._beyond = memory
        self._max_sessions = max_sessions
        self._parties: OrderedDict[Party, _Party] = OrderedDict()
        self._weight = 0  # sessions and parties held

    def recall(self, events: Sequence[tuple[Identity, int]]) -> None:
        """Fetch what these events, given as identity and instant, need: at most one query of each kind to the sink."""
        wanted = dict.fromkeys(party for identity, _ in events for party in identity.parties)
        self._count(wanted)
        partly = {key: party for key in wanted if not (party := self._parties[key]).is_whole()}
        if not partly:
            return
        lookups = [(key, identity.session_id, at) for identity, at in events for key in identity.parties if key in partly]
        names = {(*key, name) for key, name, _ in lookups if name is not None and name not in partly[key].sessions.by_id}
        if names:
            self._hold(self._beyond.sessions_named(names))
        instants = {(*key, at) for key, name, at in lookups if name is None and not partly[key].knows(at)}
        if instants:
            self._hold(self._beyond.sessions_around(instants))
        for site, party_id, at in instants:
            self._parties[site, party_id].learn(at)

    def around(self, identity: Identity, at: int) -> Iterator[Session]:
        """A few sessions under the identity's parties, among them the nearest to an instant."""
        return chain.from_iterable(self._parties[key].sessions.around(at) for key in identity.parties)

    def named(self, identity: Identity, session_id: str) -> Session | None:
        """The session that the page named."""
        return self._parties[identity.parties[0]].sessions.by_id.get(session_id)

    def has_room(self, identity: Identity) -> bool:
        """Whether the party may open one more session."""
        return self._parties[identity.parties[0]].count < MAX_SESSIONS_PER_PARTY

    def add(self, session: Session) -> None:
        """Add a session that was opened."""
        party = self._parties[session.site, session.party_id]
        party.sessions.add(session)
        party.count += 1
        self._weight += 1

    def extend(self, session: Session, record: Record) -> None:
        """Take one more event into a session."""
        self._parties[session.site, session.party_id].sessions.extend(session, record)

    def shrink(self) -> None:
        """Forget the parties not seen for longest, down to the bound; only after a commit."""
        while self._weight > self._max_sessions:
            _, party = self._parties.popitem(last=False)
            self._weight -= 1 + len(party.sessions.by_id)

    def forget(self) -> None:
        """Forget everything: what was not committed did not happen."""
        self._parties.clear()
        self._weight = 0

    def _count(self, parties: Iterable[Party]) -> None:
        """Hold these parties, each with the number of its sessions, as those seen last."""
        if unknown := [party for party in parties if party not in self._parties]:
            counts = self._beyond.session_counts(unknown)
            self._parties.update((party, _Party(counts.get(party, 0))) for party in unknown)
            self._weight += len(unknown)
        for party in parties:
            self._parties.move_to_end(party)

    def _hold(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            party = self._parties.get((session.site, session.party_id))  # None: another party's, of the same hash in the sink
            if party is not None and session.session_id not in party.sessions.by_id:
                party.sessions.add(session)
                self._weight += 1
