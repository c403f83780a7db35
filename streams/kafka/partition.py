"""The state of one partition on Kafka. It is derived from the converter's output topics and can always be rebuilt from them.

Event ids and sessions come from the rows of the same partition number, accounts and spool positions from the ledger.
"""

import copy
import struct
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec
import structlog

from streams.sessions.assignment import PAGE_VIEW
from streams.sessions.timeline import PartySessions
from streams.sink import Batch, Party, Session, StoredEvent
from topics.accounts import ACCOUNT, Account
from topics.ledger import KEPT_MS, MINUTE_MS

HOUR_MS: Final = 60 * MINUTE_MS
EVENT_BYTES, SESSION_BYTES = 160, 1400  # approximate memory of an event id and of a session
GENERATIONS: Final = 16  # share the memory when it is full

log = structlog.get_logger()
_EVENT = struct.Struct(">16sq")
SessionKey: TypeAlias = tuple[str, str, str]  # site, party id, session id
AccountKey: TypeAlias = tuple[str, int, str]  # spool, minute, source


def event_header(event: StoredEvent) -> bytes:
    """Return the header of a row's message: the event's key and the hash of its content, 24 bytes."""
    return _EVENT.pack(event.key, event.payload)


class _SessionRow(msgspec.Struct, frozen=True, gc=False):
    """The columns of a row that describe its session."""

    time: int = msgspec.field(name="__time")
    site: str
    event_type: str
    party_id: str | None = None
    session_id: str | None = None
    session_page_number: int | None = None
    session_engagement_ms: int | None = None
    page_path: str | None = None
    previous_page_path: str | None = None
    landing_page_path: str | None = None
    session_channel: str | None = None
    session_source: str | None = None


_read_row = msgspec.json.Decoder(_SessionRow).decode


@dataclass(slots=True)
class _Generation:
    """The event ids and sessions written within an hour, or within a part of a busy hour."""

    number: int
    hour: int
    events: dict[bytes, int] = field(default_factory=dict)
    sessions: list[SessionKey] = field(default_factory=list)  # some were written again later

    @property
    def held_bytes(self) -> int:
        return len(self.events) * EVENT_BYTES + len(self.sessions) * SESSION_BYTES


class PartitionState:
    """Event ids and sessions of at least `window_hours`, in generations by the hour of writing; accounts of 48 hours.

    If they take more than `max_bytes`, the oldest generation is dropped early.
    """

    def __init__(self, window_hours: int, max_bytes: int) -> None:
        self._window_hours, self.max_bytes = window_hours, max_bytes
        self._generations: deque[_Generation] = deque([_Generation(0, 0)])
        self._sessions: defaultdict[Party, PartySessions] = defaultdict(PartySessions)
        self._written: dict[SessionKey, int] = {}  # the generation of a session's last write
        self.forgotten_early = 0  # event ids
        self.accounts: dict[AccountKey, Account] = {}
        self.spools: dict[str, int] = {}  # the last processed position

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the payload of each known key."""
        known = {}
        for generation in self._generations:
            for key in generation.events.keys() & keys:
                known[key] = generation.events[key]
        return known

    @property
    def held_bytes(self) -> int:
        """The approximate memory of event ids and sessions."""
        return sum(len(generation.events) for generation in self._generations) * EVENT_BYTES + len(self._written) * SESSION_BYTES

    def session_counts(self, parties: Iterable[Party]) -> Mapping[Party, int]:
        """Return the number of sessions of each party that has any."""
        return {party: len(held.by_id) for party in parties if (held := self._sessions.get(party)) is not None}

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[Session]:
        """Return copies of the sessions with these names."""
        found = ((self._sessions.get((site, party_id)), session_id) for site, party_id, session_id in names)
        return [copy.copy(held.by_id[session_id]) for held, session_id in found if held is not None and session_id in held.by_id]

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[Session]:
        """Return copies of the sessions next to these instants."""
        found = ((self._sessions.get((site, party_id)), at) for site, party_id, at in instants)
        return [copy.copy(session) for held, at in found if held is not None for session in held.around(at)]

    def committed(self, batch: Batch, spools: Mapping[str, int], now: int) -> None:
        """Add a committed batch."""
        self._begin_generation(now)
        events = self._generations[-1].events
        for event in batch.events:
            events[event.key] = event.payload
        for session in (*batch.sessions, *batch.new_sessions):
            self._add_session(copy.copy(session))
        self.accounts.update(self.changed_accounts(batch))
        self.spools.update(spools)
        self._drop_old_accounts(now)

    def changed_accounts(self, batch: Batch) -> dict[AccountKey, Account]:
        """Return the accounts that a batch changes, as whole sums that include it."""
        changed = {}
        for (minute, source), more in batch.ledger.items():
            spool, _, name = source.partition("/") if "/" in source else ("", "", source)
            key = (spool, minute, name)
            changed[key] = account = copy.copy(self.accounts.get(key)) or Account()
            account.add(more)
        return changed

    def restore_row(self, event: bytes, value: bytes, at: int) -> None:
        """Add a row that was written at an instant (milliseconds since 1970)."""
        self._begin_generation(at)
        key, payload = _EVENT.unpack(event)
        self._generations[-1].events[key] = payload
        row = _read_row(value)
        if row.party_id is not None and row.session_id is not None and row.session_page_number is not None:
            self._restore_session(row, row.party_id, row.session_id, row.session_page_number)

    def restore_ledger(self, key: bytes, value: bytes) -> None:
        """Add a message of the ledger."""
        kind, spool, *rest = msgspec.json.decode(key)
        if kind == "position":
            self.spools[spool] = msgspec.json.decode(value)
        elif kind == ACCOUNT:
            self.accounts[spool, rest[0], rest[1]] = Account(**msgspec.json.decode(value))

    def _restore_session(self, row: _SessionRow, party_id: str, session_id: str, pages: int) -> None:
        party = (row.site, party_id)
        sessions = self._sessions[party].by_id
        self._mark_written((*party, session_id))
        session = sessions.get(session_id)
        if session is None:
            session = sessions[session_id] = _new_session(row, party_id, session_id)
        elif row.event_type == PAGE_VIEW:
            session.page_path = row.page_path
        if row.time > session.last_at:
            session.last_at = row.time
        elif row.time < session.first_at:
            session.first_at = row.time
        session.pages, session.engagement_ms = pages, row.session_engagement_ms or 0
        session.previous_page_path, session.landing_page_path = row.previous_page_path, row.landing_page_path
        session.channel, session.source = row.session_channel or "", row.session_source

    def _add_session(self, session: Session) -> None:
        party = (session.site, session.party_id)
        self._sessions[party].add(session)
        self._mark_written((*party, session.session_id))

    def _mark_written(self, key: SessionKey) -> None:
        newest = self._generations[-1]
        if self._written.get(key) != newest.number:
            self._written[key] = newest.number
            newest.sessions.append(key)

    def _begin_generation(self, now: int) -> None:
        """Start a generation each hour, or when the newest is large; drop those that are too old or exceed the memory."""
        generations, hour = self._generations, now // HOUR_MS
        newest = generations[-1]
        if hour <= newest.hour and newest.held_bytes < self.max_bytes // GENERATIONS:
            return
        generations.append(_Generation(newest.number + 1, max(hour, newest.hour)))
        while generations[0].hour < hour - self._window_hours or (self.held_bytes > self.max_bytes and len(generations) > 1):
            self._drop_oldest(hour)

    def _drop_oldest(self, hour: int) -> None:
        oldest = self._generations.popleft()
        if oldest.events and oldest.hour >= hour - self._window_hours:
            self.forgotten_early += len(oldest.events)
            log.warning("memory is full, event ids are dropped before the window ends", count=len(oldest.events), hours=hour - oldest.hour)
        for key in oldest.sessions:
            if self._written[key] == oldest.number:
                del self._written[key]
                site, party_id, session_id = key
                party = self._sessions[site, party_id]
                party.discard(session_id)
                if not party.by_id:
                    del self._sessions[site, party_id]

    def _drop_old_accounts(self, now: int) -> None:
        oldest = now - KEPT_MS
        if self.accounts and next(iter(self.accounts))[1] < oldest:
            self.accounts = {key: account for key, account in self.accounts.items() if key[1] >= oldest}


def _new_session(row: _SessionRow, party_id: str, session_id: str) -> Session:
    """Return a session with the columns of its first available row; the caller sets the columns that every row has."""
    return Session(row.site, party_id, session_id, row.time, row.time, 0, 0, row.page_path, None, None, "", None)
