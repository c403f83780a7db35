"""Where the converter's results go: rows, dead letters, state and position, committed as one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from topics.accounts import Account

# Keys are the columns of schemas.contract; __time is milliseconds since 1970, a nested column is JSON text.
Row: TypeAlias = dict[str, str | int | float | None]

Party: TypeAlias = tuple[str, str]  # site, party id
RowKey: TypeAlias = tuple[str, str]  # site, event id
RowLocation: TypeAlias = tuple[int, str, str]  # where it is, site, event id


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that became no row, whole, with its origin and the reason."""

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
    key: bytes = b""  # the message's own, and its spool: what a replay on Kafka needs
    spool: str = ""

    @property
    def origin(self) -> str:
        """Say where the message stands: what a dead letter is known by."""
        return f"{self.topic}/{self.position}"


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters are meant: those of a reason, those of some origins; what is empty excludes none."""

    reason: str = ""
    origins: tuple[str, ...] = ()

    def includes(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter is among them."""
        return self.reason in ("", letter.reason) and (not self.origins or letter.origin in self.origins)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """That an event id is taken: `key` is a 16 byte hash of site and event id, `payload` a 64 bit signed hash of the content."""

    key: bytes
    payload: int


@dataclass(slots=True)
class Session:
    """A party's events with no silence longer than the time-out; the converter's memory of it."""

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


# (minute as milliseconds since 1970, source; on Kafka the source's spool before it: spool/source)
Ledger: TypeAlias = dict[tuple[int, str], Account]


@dataclass(slots=True)
class Batch:
    """All that follows from the messages up to `position`; a sink stores it whole or not at all."""

    topic: str
    position: int
    made_at: int = 0  # milliseconds since 1970
    rows: list[Row] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)  # the new state of those that the sink has, by site, party and session id
    new_sessions: list[Session] = field(default_factory=list)  # those that it has not
    rows_without_session: int = 0  # of parties that have all the sessions they may
    ledger: Ledger = field(default_factory=dict)  # to be added to what is there
    replayed: Sequence[int] = ()  # the positions of dead letters that are gone with it


class CommittedState(Protocol):
    """What the converter asks about what was committed."""

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        """The payload hash of each of the keys that is taken."""

    def session_counts(self, parties: Iterable[Party]) -> Mapping[Party, int]:
        """The number of sessions of each of the parties that has any."""

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[Session]:
        """The sessions of these names, given as (site, party id, session id); they are the caller's to change."""

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[Session]:
        """Of each (site, party id, instant) the party's sessions next to it on both sides; they are the caller's to change.

        These are the one that ends last before the instant, and the one that begins first among those that end at or after it;
        of equal ones the one with the smaller beginning, then id. A few more may be among them.
        """


class Sink(CommittedState, Protocol):
    """The converter's other side. Its memory of events and sessions reaches as far back as its rows."""

    def position(self, topic: str) -> int:
        """Where the last commit for this topic ended; 0 before the first."""

    def ledger(self, since: int) -> Ledger:
        """The accounts of the minutes from `since` on (milliseconds since 1970)."""

    def dead_letters_after(self, topic: str, spool: str, position: int, most: int, choice: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        """Give the fields of the chosen dead letters of a topic and its spools, from the first behind a position in one of them on."""

    def find_rows(self, keys: Sequence[RowKey]) -> Sequence[RowLocation]:
        """Return where the rows of these keys are, from any thread."""

    def delete(self, rows: Sequence[RowLocation]) -> Ledger:
        """Delete rows where they were found, and sessions that have none left, in one transaction; what they count for as deleted.

        That the events were there is not forgotten: they do not come back with a retry.
        """

    def commit(self, batch: Batch) -> None:
        """Store the batch in one transaction."""
