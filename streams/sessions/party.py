"""The party of an event: with consent the page's party id, without it a keyed hash that changes daily, after an opt-out none."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from enrichment.bots import MAX_AGENT_LENGTH
from schemas.codec import Record
from streams.sessions.salts import DAY_MS, Salts
from streams.sink import Party

MAX_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Identity:
    """The parties and the session id by which the session of an event is found.

    The session may be under any of `parties`; the first is the party on the day of the event. `session_id` comes from the page.
    """

    parties: tuple[Party, ...]
    session_id: str | None = None


def needs_salt(record: Record) -> bool:
    """Whether the converter derives the party id of a record, for which it needs a salt."""
    return bool(record["party_kind"] == "private")


class Parties:
    """Derives identities. Cached ones are dropped when a salt is created or destroyed."""

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        self._generation = salts.generation
        self._cache: dict[tuple[Any, ...], Identity] = {}

    def identify(self, record: Record) -> Identity | None:
        """Return the identity of an event, or None if it has no party; the salt of its day must exist."""
        kind = record["party_kind"]
        if kind == "private":
            return self._private(record)
        if kind == "consented" and (party_id := record["party_id"]):
            return Identity(((record["site"], party_id),), record["session_id"])
        return None

    def _private(self, record: Record) -> Identity:
        if self._generation != self._salts.generation or len(self._cache) >= MAX_CACHED:
            self._cache.clear()
            self._generation = self._salts.generation
        day = record["occurred_at"] // DAY_MS
        key = (day, record["site"], record["address"], record["user_agent"])
        identity = self._cache.get(key)
        if identity is None:
            identity = self._derive(*key)
            if len(key[3] or "") <= MAX_AGENT_LENGTH:
                self._cache[key] = identity
        return identity

    def _derive(self, day: int, site: str, client_ip: str | None, user_agent: str | None) -> Identity:
        """Return the party of a day and those of its neighbours, because a session continues over midnight."""
        secrets = (self._salts.of(near) for near in (day, day - 1, day + 1))
        return Identity(tuple((site, party_id(secret, site, client_ip, user_agent)) for secret in secrets if secret is not None))


def party_id(secret: bytes, site: str, client_ip: str | None, user_agent: str | None) -> str:
    """Return the private party id: 16 hexadecimal digits that reveal nothing once the secret is destroyed."""
    content = "\0".join((site, client_ip or "", user_agent or ""))
    return blake2b(content.encode(), key=secret, digest_size=8).hexdigest()
