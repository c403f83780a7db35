"""Makes of a stretch of messages all that follows from them: rows, dead letters, new sessions, accounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import CodecError, Record
from schemas.contract import load_schema
from streams.conversion.converter import DIRECT, Converter
from streams.conversion.decoding import RecordDecoder
from streams.conversion.enricher import Channel, Enricher, Lookups
from streams.dead_letters import Reason, damaged, dead_letter
from streams.deduplication import EventStatus, compare, stored_event
from streams.metrics import Metrics
from streams.sessions.assignment import find_session, open_session
from streams.sessions.party import Identity, Parties, needs_salt
from streams.sessions.salts import DAY_MS, Salts
from streams.sessions.session_cache import SessionCache
from streams.settings import Settings
from streams.sink import Batch, CommittedState, Session, StoredEvent
from topics.accounts import DUPLICATE_KEY, Account
from topics.ledger import MINUTE_MS
from topics.topic import Damage, Entry, Kind, Message


@dataclass(slots=True)
class _Event:
    """A message on its way to a row."""

    entry: Entry
    record: Record
    stored: StoredEvent


@dataclass(frozen=True, slots=True)
class Tools:
    """What makers of batches share, however many there are."""

    decoder: RecordDecoder
    converter: Converter
    facts: Enricher
    salts: Salts
    session_timeout_ms: int
    remembered_sessions: int


def make_tools(decoder: RecordDecoder, enrichment: Lookups, settings: Settings, salts: Salts, metrics: Metrics) -> Tools:
    """Put together what a maker of batches needs; raises SchemaError."""
    return Tools(
        decoder=decoder,
        converter=Converter(load_schema(settings.schema_path), settings.late_after_days * DAY_MS),
        facts=Enricher(enrichment, settings.place_detail, metrics.enrichment_failed),
        salts=salts,
        session_timeout_ms=settings.session_timeout_seconds * 1000,
        remembered_sessions=settings.remembered_sessions,
    )


class BatchMaker:
    """Makes batches, in steps over the whole batch: decode and check, drop repeats, identify, find sessions, convert."""

    def __init__(self, memory: CommittedState, tools: Tools) -> None:
        self._known_events = memory.known_events
        self._decoder = tools.decoder
        self._converter = tools.converter
        self._facts = tools.facts
        self._salts = tools.salts
        self._parties = Parties(tools.salts)
        self._memory = SessionCache(memory, tools.remembered_sessions)
        self._session_timeout_ms = tools.session_timeout_ms

    def make(self, topic: str, entries: Sequence[Entry | Damage], now: int) -> Batch:
        """Make the batch of these entries of a topic; then say what became of it: `committed` or `forget`."""
        batch = Batch(topic, entries[-1].next_position, now)
        self._facts.refresh()
        events = self._first_told(self._readable(entries, batch, now), batch, now)
        identities = self._identities(events, now)
        touched: dict[int, Session] = {}
        for event, identity in zip(events, identities, strict=True):
            self._add_row(event, identity, touched, batch, now)
        new = set(map(id, batch.new_sessions))
        batch.sessions.extend(session for key, session in touched.items() if key not in new)
        return batch

    def committed(self) -> None:
        """The batch is stored; what was seen long ago may leave memory."""
        self._memory.shrink()

    def forget(self) -> None:
        """The batch is not stored: memory is ahead of the sink."""
        self._memory.forget()

    def _readable(self, entries: Sequence[Entry | Damage], batch: Batch, now: int) -> list[_Event]:
        """Take the events that can become rows; all else is settled here."""
        events = []
        for entry in entries:
            if isinstance(entry, Damage):
                batch.dead_letters.append(damaged(batch.topic, entry, now))
                _account(batch, now - now % MINUTE_MS, "").dead_letters += 1
            elif entry.message.kind is Kind.REJECTION:
                account = _account_of(batch, entry.message)
                if entry.message.key == DUPLICATE_KEY:
                    account.duplicates += 1
                else:
                    account.rejected += 1
            elif (event := self._read(entry, batch, now)) is not None:
                events.append(event)
        return events

    def _read(self, entry: Entry, batch: Batch, now: int) -> _Event | None:
        try:
            decoded = self._decoder.decode(entry.message.value)
        except CodecError as error:
            self._set_aside(entry, Reason(error.reason), str(error), batch, now)
            return None
        record = self._converter.complete(decoded)
        if fault := self._converter.fault(record):
            self._set_aside(entry, *fault, batch, now)
            return None
        return _Event(entry, record, stored_event(record["site"], record["event_id"], decoded))

    def _first_told(self, events: list[_Event], batch: Batch, now: int) -> list[_Event]:
        """Leave out what was there before, in the sink or earlier in this batch."""
        if not events:
            return events
        known = dict(self._known_events([event.stored.key for event in events]))
        new = []
        for event in events:
            repeat = compare(event.stored, known.get)
            if repeat is EventStatus.NEW:
                known[event.stored.key] = event.stored.payload
                batch.events.append(event.stored)
                new.append(event)
            elif repeat is EventStatus.DUPLICATE:
                if event.entry.message.kind is not Kind.REPLAY:
                    _account_of(batch, event.entry.message).duplicates += 1
            else:
                self._set_aside(event.entry, Reason.ID_CONFLICT, "another event of this site has the same id", batch, now)
        return new

    def _identities(self, events: list[_Event], now: int) -> list[Identity | None]:
        """Find who each event belongs to, with salts that are durable and sessions at hand."""
        self._salts.renew({event.record["occurred_at"] // DAY_MS for event in events if needs_salt(event.record)}, now)
        identities = [self._parties.identify(event.record) for event in events]
        self._memory.recall(
            [(identity, event.record["occurred_at"]) for event, identity in zip(events, identities, strict=True) if identity is not None]
        )
        return identities

    def _add_row(self, event: _Event, identity: Identity | None, touched: dict[int, Session], batch: Batch, now: int) -> None:
        record = event.record
        channel = self._facts.channel(record)
        session, is_start = (None, False) if identity is None else self._session(event, identity, channel)
        if session is not None and is_start:
            batch.new_sessions.append(session)
        elif session is not None:
            touched[id(session)] = session
        facts = (self._facts.place(record["address"]), self._facts.agent(record["user_agent"]))
        row = self._converter.to_row(record, session, is_start, facts, channel, now)
        if identity is not None and session is None:  # more sessions than a visitor has: ids are kept, facts are not made up
            batch.rows_without_session += 1
            row["party_id"], row["session_id"] = identity.parties[0][1], identity.session_id
        batch.rows.append(row)
        account = _account_of(batch, event.entry.message)
        account.stored += 1
        if event.entry.message.kind is Kind.REPLAY:
            account.dead_letters -= 1

    def _session(self, event: _Event, identity: Identity, channel: Channel) -> tuple[Session | None, bool]:
        """Give the event's session as it is with it, and whether the event opened it."""
        if identity.session_id is not None:
            session = self._memory.named(identity, identity.session_id)
        else:
            at = event.record["occurred_at"]
            session = find_session(self._memory.around(identity, at), at, self._session_timeout_ms)
        if session is not None:
            self._memory.extend(session, event.record)
            return session, False
        if not self._memory.has_room(identity):
            return None, False
        session_id = identity.session_id or event.stored.key[:8].hex()
        session = open_session(identity, session_id, event.record, channel[0] or DIRECT, channel[1])
        self._memory.add(session)
        return session, True

    def _set_aside(self, entry: Entry, reason: Reason, text: str, batch: Batch, now: int) -> None:
        batch.dead_letters.append(dead_letter(batch.topic, entry, reason, text, now))
        if entry.message.kind is not Kind.REPLAY:
            _account_of(batch, entry.message).dead_letters += 1


def _account_of(batch: Batch, message: Message) -> Account:
    source = f"{message.spool}/{message.source}" if message.spool else message.source
    return _account(batch, message.received_at - message.received_at % MINUTE_MS, source)


def _account(batch: Batch, minute: int, source: str) -> Account:
    account = batch.ledger.get((minute, source))
    if account is None:
        account = batch.ledger[minute, source] = Account()
    return account
