"""The sink of the converter: stores rows, dead letters, state and position in one commit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from topics.accounts import Account

# Keys are the columns of schemas.contract; __time is milliseconds since 1970, a nested column is JSON text.
Row: TypeAlias = dict[str, str | int | float | None]

Party: TypeAlias = tuple[str, str]  # site, party id
RowKey: TypeAlias = tuple[str, str]  # site, event id
RowLocation: TypeAlias = tuple[int, str, str]  # row id in the store, site, event id


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not become a row, whole, with its origin and the reason."""

    topic: str
    position: int
    stage: str  # read, decode, check, identify
    reason: str  # a code of the closed set streams.dead_letters.Reason
    text: str
    source: str
    event_id: str
    received_at: int  # milliseconds since 1970
    failed_at: int  # milliseconds since 1970
    content: bytes
    key: bytes = b""  # partition key and spool of the message, which a replay on Kafka needs
    spool: str = ""

    @property
    def origin(self) -> str:
        """Return the topic and position of the message, which identify the dead letter."""
        return f"{self.topic}/{self.position}"


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """A filter of dead letters by reason and by origin; an empty field matches all."""

    reason: str = ""
    origins: tuple[str, ...] = ()

    def includes(self, letter: DeadLetter) -> bool:
        """Whether a dead letter passes the filter."""
        return self.reason in ("", letter.reason) and (not self.origins or letter.origin in self.origins)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A known event: `key` is a 16-byte hash of site and event id, `payload` a signed 64-bit hash of the content."""

    key: bytes
    payload: int


@dataclass(slots=True)
class Session:
    """The state of a session: a party's events without a pause longer than the timeout."""

    site: str
    party_id: str
    session_id: str
    first_at: int  # milliseconds since 1970
    last_at: int
    pages: int
    engagement_ms: int
    page_path: str | None
    previous_page_path: str | None
    landing_page_path: str | None
    channel: str
    source: str | None


# by minute (milliseconds since 1970) and source; on Kafka spool/source
Ledger: TypeAlias = dict[tuple[int, str], Account]


@dataclass(slots=True)
class Batch:
    """The results of the messages up to `position`; a sink stores them atomically."""

    topic: str
    position: int
    made_at: int = 0  # milliseconds since 1970
    rows: list[Row] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)  # new states of sessions that the sink has, by site, party and session id
    new_sessions: list[Session] = field(default_factory=list)  # sessions that the sink does not have
    rows_without_session: int = 0  # of parties with the maximum number of sessions
    ledger: Ledger = field(default_factory=dict)  # added to the stored accounts
    replayed: Sequence[int] = ()  # the positions of dead letters that this batch replaces


class CommittedState(Protocol):
    """The committed state that the converter reads: event ids and sessions."""

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the payload of each known key."""

    def session_counts(self, parties: Iterable[Party]) -> Mapping[Party, int]:
        """Return the number of sessions of each party that has any."""

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[Session]:
        """Return the sessions named by (site, party id, session id); the caller may change them."""

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[Session]:
        """Return the party's sessions on both sides of each (site, party id, instant); the caller may change them.

        These are the last session that ends before the instant, and the first to begin among those that end at or after it. Ties go to the
        earlier beginning, then to the smaller id. The result may contain a few more sessions.
        """


class Sink(CommittedState, Protocol):
    """The store behind the converter. It knows the event ids and sessions of all its rows."""

    def position(self, topic: str) -> int:
        """Return the position of the last commit for this topic; 0 before the first."""

    def ledger(self, since: int) -> Ledger:
        """Return the accounts of the minutes from `since` on (milliseconds since 1970)."""

    def dead_letters_after(
        self, topic: str, spool: str, position: int, limit: int, choice: DeadLetterFilter
    ) -> Sequence[Mapping[str, Any]]:
        """Return the fields of the matching dead letters of a topic and its spools, in order, after a position in one of them."""

    def find_rows(self, keys: Sequence[RowKey]) -> Sequence[RowLocation]:
        """Return the locations of the rows with these keys; may be called from any thread."""

    def delete(self, rows: Sequence[RowLocation]) -> Ledger:
        """Delete rows, and sessions without any row left, in one transaction; return the accounts of the deleted rows.

        Event ids stay known, so that a retry does not bring a deleted row back.
        """

    def commit(self, batch: Batch) -> None:
        """Store the batch in one transaction."""
