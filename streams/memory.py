"""The converter's memory of sessions: a bounded part of what the sink holds, for the parties seen lately."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain

from streams.party import Identity
from streams.sink import Memory, Session

# More sessions than a visitor makes in years; a robot that invents session ids must not slow everybody down.
MOST_OF_A_PARTY = 5000


class SessionMemory:
    """The sessions of parties by session id. Between two commits nothing leaves it, so that it is never behind the sink."""

    def __init__(self, memory: Memory, most_sessions: int) -> None:
        self._beyond = memory
        self._most_sessions = most_sessions
        self._parties: OrderedDict[tuple[str, str], dict[str, Session]] = OrderedDict()
        self._weight = 0  # sessions and parties held

    def recall(self, identities: Iterable[Identity]) -> None:
        """Have the sessions of all parties of these identities at hand: one question to the sink for those not known."""
        wanted = dict.fromkeys((identity.site, party) for identity in identities for party in identity.parties)
        unknown = [party for party in wanted if party not in self._parties]
        self._parties.update((party, {}) for party in unknown)
        self._weight += len(unknown)
        if unknown:
            for session in self._beyond.sessions_of(unknown):
                self.add(session)
        for party in wanted:
            self._parties.move_to_end(party)

    def of(self, identity: Identity) -> Iterator[Session]:
        """Give the sessions under any of the identity's parties."""
        return chain.from_iterable(self._parties[identity.site, party].values() for party in identity.parties)

    def named(self, identity: Identity, session_id: str) -> Session | None:
        """Give the session that the page named."""
        return self._parties[identity.site, identity.parties[0]].get(session_id)

    def has_room(self, identity: Identity) -> bool:
        """Tell whether the party may open one more session."""
        return len(self._parties[identity.site, identity.parties[0]]) < MOST_OF_A_PARTY

    def add(self, session: Session) -> None:
        """Remember a session of a party that was recalled."""
        self._parties[session.site, session.party_id][session.session_id] = session
        self._weight += 1

    def shrink(self) -> None:
        """Forget the parties not seen for longest, down to the bound; only after a commit."""
        while self._weight > self._most_sessions:
            _, sessions = self._parties.popitem(last=False)
            self._weight -= 1 + len(sessions)

    def forget(self) -> None:
        """Forget everything: what was not committed did not happen."""
        self._parties.clear()
        self._weight = 0
