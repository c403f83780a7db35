"""Who an event belongs to: the page's own party id with consent, a keyed hash of the day without, nobody where the visitor says so."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from enrichment.bots import MAX_AGENT_LENGTH
from schemas.codec import Record
from streams.sessions.salts import DAY_MS, Salts
from streams.sink import Party

MAX_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides an event's session.

    `parties` are those under which the session may stand, that of the event's own day first; `session_id` is the page's word.
    """

    parties: tuple[Party, ...]
    session_id: str | None = None


def needs_salt(record: Record) -> bool:
    """Tell whether the converter makes the record's party id."""
    return bool(record["party_kind"] == "private")


class Parties:
    """Finds identities. What it remembers goes with the salts it was made from."""

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        self._generation = salts.generation
        self._known: dict[tuple[Any, ...], Identity] = {}

    def identify(self, record: Record) -> Identity | None:
        """Give the identity of a record's event, None for one that has no party; the salt of its day must exist."""
        kind = record["party_kind"]
        if kind == "private":
            return self._private(record)
        if kind == "consented" and (party_id := record["party_id"]):
            return Identity(((record["site"], party_id),), record["session_id"])
        return None

    def _private(self, record: Record) -> Identity:
        if self._generation != self._salts.generation or len(self._known) >= MAX_KNOWN:
            self._known.clear()
            self._generation = self._salts.generation
        day = record["occurred_at"] // DAY_MS
        known = (day, record["site"], record["address"], record["user_agent"])
        identity = self._known.get(known)
        if identity is None:
            identity = self._candidates(*known)
            if len(known[3] or "") <= MAX_AGENT_LENGTH:
                self._known[known] = identity
        return identity

    def _candidates(self, day: int, site: str, address: str | None, user_agent: str | None) -> Identity:
        """Midnight ends no session: it may stand under the id of the day before, or of the day after when that came first."""
        secrets = (self._salts.of(near) for near in (day, day - 1, day + 1))
        return Identity(tuple((site, party_id(secret, site, address, user_agent)) for secret in secrets if secret is not None))


def party_id(secret: bytes, site: str, address: str | None, user_agent: str | None) -> str:
    """Make the private party id: 16 hexadecimal digits that tell nothing once the secret is gone."""
    told = "\0".join((site, address or "", user_agent or ""))
    return blake2b(told.encode(), key=secret, digest_size=8).hexdigest()
