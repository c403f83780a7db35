"""Batches: the rows, dead letters, sessions and accounts that result from consecutive messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import CodecError, Record
from schemas.contract import load_schema
from streams.conversion.converter import DIRECT, Converter
from streams.conversion.decoding import RecordDecoder
from streams.conversion.enricher import Channel, Enricher, Lookups
from streams.dead_letters import Reason, damaged, dead_letter
from streams.deduplication import EventStatus, classify, stored_event
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
    """A message that can become a row."""

    entry: Entry
    record: Record
    stored: StoredEvent


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that all batch makers of a process share."""

    decoder: RecordDecoder
    converter: Converter
    enricher: Enricher
    salts: Salts
    session_timeout_ms: int
    remembered_sessions: int


def make_tools(decoder: RecordDecoder, enrichment: Lookups, settings: Settings, salts: Salts, metrics: Metrics) -> Tools:
    """Create the tools of batch makers; raises SchemaError."""
    return Tools(
        decoder=decoder,
        converter=Converter(load_schema(settings.schema_path), settings.late_after_days * DAY_MS),
        enricher=Enricher(enrichment, settings.place_detail, metrics.enrichment_failed),
        salts=salts,
        session_timeout_ms=settings.session_timeout_seconds * 1000,
        remembered_sessions=settings.remembered_sessions,
    )


class BatchMaker:
    """Makes batches. Each step runs over the whole batch: decode and check, deduplicate, identify, find sessions, convert."""

    def __init__(self, state: CommittedState, tools: Tools) -> None:
        self._known_events = state.known_events
        self._decoder = tools.decoder
        self._converter = tools.converter
        self._enricher = tools.enricher
        self._salts = tools.salts
        self._parties = Parties(tools.salts)
        self._session_cache = SessionCache(state, tools.remembered_sessions)
        self._session_timeout_ms = tools.session_timeout_ms

    def make(self, topic: str, entries: Sequence[Entry | Damage], now: int) -> Batch:
        """Make the batch of these entries of a topic; afterwards call `committed`, or `forget` if its commit failed."""
        batch = Batch(topic, entries[-1].next_position, now)
        self._enricher.refresh()
        events = self._deduplicate(self._decode(entries, batch, now), batch, now)
        identities = self._identities(events, now)
        touched: dict[int, Session] = {}
        for event, identity in zip(events, identities, strict=True):
            self._add_row(event, identity, touched, batch, now)
        new = set(map(id, batch.new_sessions))
        batch.sessions.extend(session for key, session in touched.items() if key not in new)
        return batch

    def committed(self) -> None:
        """Shrink the session cache after the batch is committed."""
        self._session_cache.shrink()

    def forget(self) -> None:
        """Empty the session cache after a failed commit, because it is ahead of the sink."""
        self._session_cache.forget()

    def _decode(self, entries: Sequence[Entry | Damage], batch: Batch, now: int) -> list[_Event]:
        """Return the events that can become rows, and account for all other entries."""
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
            elif (event := self._decode_event(entry, batch, now)) is not None:
                events.append(event)
        return events

    def _decode_event(self, entry: Entry, batch: Batch, now: int) -> _Event | None:
        try:
            decoded = self._decoder.decode(entry.message.value)
        except CodecError as error:
            self._add_dead_letter(entry, Reason(error.reason), str(error), batch, now)
            return None
        record = self._converter.complete(decoded)
        if problem := self._converter.check(record):
            self._add_dead_letter(entry, *problem, batch, now)
            return None
        return _Event(entry, record, stored_event(record["site"], record["event_id"], decoded))

    def _deduplicate(self, events: list[_Event], batch: Batch, now: int) -> list[_Event]:
        """Return the events that are neither in the sink nor earlier in this batch."""
        if not events:
            return events
        known = dict(self._known_events([event.stored.key for event in events]))
        new = []
        for event in events:
            status = classify(event.stored, known.get)
            if status is EventStatus.NEW:
                known[event.stored.key] = event.stored.payload
                batch.events.append(event.stored)
                new.append(event)
            elif status is EventStatus.DUPLICATE:
                if event.entry.message.kind is not Kind.REPLAY:
                    _account_of(batch, event.entry.message).duplicates += 1
            else:
                self._add_dead_letter(event.entry, Reason.ID_CONFLICT, "another event of this site has the same id", batch, now)
        return new

    def _identities(self, events: list[_Event], now: int) -> list[Identity | None]:
        """Return the identity of each event, after its salt is durable and its sessions are in the cache."""
        self._salts.renew({event.record["occurred_at"] // DAY_MS for event in events if needs_salt(event.record)}, now)
        identities = [self._parties.identify(event.record) for event in events]
        self._session_cache.recall(
            [(identity, event.record["occurred_at"]) for event, identity in zip(events, identities, strict=True) if identity is not None]
        )
        return identities

    def _add_row(self, event: _Event, identity: Identity | None, touched: dict[int, Session], batch: Batch, now: int) -> None:
        record = event.record
        channel = self._enricher.channel(record)
        session, is_start = (None, False) if identity is None else self._session(event, identity, channel)
        if session is not None and is_start:
            batch.new_sessions.append(session)
        elif session is not None:
            touched[id(session)] = session
        enrichment = (self._enricher.place(record["address"]), self._enricher.agent(record["user_agent"]))
        row = self._converter.to_row(record, session, is_start, enrichment, channel, now)
        if identity is not None and session is None:  # more sessions than a visitor has: keep the ids, invent no other values
            batch.rows_without_session += 1
            row["party_id"], row["session_id"] = identity.parties[0][1], identity.session_id
        batch.rows.append(row)
        account = _account_of(batch, event.entry.message)
        account.stored += 1
        if event.entry.message.kind is Kind.REPLAY:
            account.dead_letters -= 1

    def _session(self, event: _Event, identity: Identity, channel: Channel) -> tuple[Session | None, bool]:
        """Return the session of an event, including it, and whether the event opened it."""
        if identity.session_id is not None:
            session = self._session_cache.named(identity, identity.session_id)
        else:
            at = event.record["occurred_at"]
            session = find_session(self._session_cache.around(identity, at), at, self._session_timeout_ms)
        if session is not None:
            self._session_cache.extend(session, event.record)
            return session, False
        if not self._session_cache.has_room(identity):
            return None, False
        session_id = identity.session_id or event.stored.key[:8].hex()
        session = open_session(identity, session_id, event.record, channel[0] or DIRECT, channel[1])
        self._session_cache.add(session)
        return session, True

    def _add_dead_letter(self, entry: Entry, reason: Reason, text: str, batch: Batch, now: int) -> None:
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
