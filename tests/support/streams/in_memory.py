"""The converter's surroundings in memory: a sink, a reader, builders of records and messages, plain enrichment."""

import copy
import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fastavro
from msgspec.structs import replace

from schemas.codec import Record, encode, message_prefix
from schemas.contract import load_schema
from streams.batches import make_tools
from streams.conversion.decoding import CompiledDecoder
from streams.conversion.enricher import NO_CHANNEL, Channel, Lookups
from streams.local.worker import Worker
from streams.metrics import Metrics
from streams.sessions.salts import Salts
from streams.settings import Settings
from streams.sink import Batch, DeadLetter, DeadLetterFilter, Ledger, Party, Row, RowKey, RowLocation, Session
from topics.accounts import Account
from topics.ledger import MINUTE_MS
from topics.topic import Damage, Entry, Kind, Message

TOPIC = "clickstream-avro"
NOON = 1_795_003_200_000  # 2026-11-18T12:00:00Z
SCHEMA = load_schema()
DECODER = CompiledDecoder([SCHEMA])
OLDER = SCHEMA | {"name": "older"}
_PREFIX, _PARSED = message_prefix(SCHEMA), fastavro.parse_schema(SCHEMA)


class MemorySink:
    """A Sink in memory that keeps copies, as a store does; `fails` makes the next commits raise before anything is stored."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.dead_letters: list[DeadLetter] = []
        self.fails: list[Exception] = []
        self.commits = 0
        self._events: dict[bytes, int] = {}
        self._sessions: dict[tuple[str, str], dict[str, Session]] = {}
        self._ledger: Ledger = {}
        self._positions: dict[str, int] = {}

    def position(self, topic: str) -> int:
        return self._positions.get(topic, 0)

    def known_events(self, keys: Sequence[bytes]) -> Mapping[bytes, int]:
        return {key: self._events[key] for key in keys if key in self._events}

    def session_counts(self, parties: Iterable[Party]) -> Mapping[Party, int]:
        return {party: len(self._sessions[party]) for party in parties if party in self._sessions}

    def sessions_named(self, names: Iterable[tuple[str, str, str]]) -> Sequence[Session]:
        found = (self._sessions.get((site, party), {}).get(session_id) for site, party, session_id in names)
        return [copy.copy(session) for session in found if session is not None]

    def sessions_around(self, instants: Iterable[tuple[str, str, int]]) -> Sequence[Session]:
        found = []
        for site, party, at in instants:
            sessions = sorted(self._sessions.get((site, party), {}).values(), key=lambda one: (one.first_at, one.session_id))
            found += sorted((one for one in sessions if one.last_at < at), key=lambda one: -one.last_at)[:1]
            found += [one for one in sessions if one.last_at >= at][:1]
        return [copy.copy(session) for session in found]

    def ledger(self, since: int) -> Ledger:
        return {key: copy.copy(account) for key, account in self._ledger.items() if key[0] >= since}

    def dead_letters_after(self, topic: str, spool: str, position: int, most: int, choice: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        mine = [letter for letter in self.dead_letters if f"{letter.topic}/".startswith(f"{topic}/")]
        chosen = [letter for letter in mine if (letter.topic, letter.position) > (spool, position) and choice.includes(letter)]
        return [asdict(letter) for letter in sorted(chosen, key=lambda letter: (letter.topic, letter.position))[:most]]

    def find_rows(self, keys: Sequence[RowKey]) -> Sequence[RowLocation]:
        return [(0, *key) for key in keys]

    def delete(self, rows: Sequence[RowLocation]) -> Ledger:
        keys = {(site, event_id) for _, site, event_id in rows}
        gone: list[dict[str, Any]] = [row for row in self.rows if (row["site"], row["event_id"]) in keys]
        self.rows = [row for row in self.rows if row not in gone]
        left = {(row["site"], row["party_id"], row["session_id"]) for row in self.rows}
        deleted: Ledger = {}
        for row in gone:
            received_at, source, site, party, session = (row[name] for name in ("received_at", "source", "site", "party_id", "session_id"))
            deleted.setdefault((int(received_at) // MINUTE_MS * MINUTE_MS, str(source)), Account()).deleted += 1
            if (site, party, session) not in left:
                self._sessions.get((str(site), str(party)), {}).pop(str(session), None)
        for key, account in deleted.items():
            self._ledger.setdefault(key, Account()).add(account)
        return deleted

    def commit(self, batch: Batch) -> None:
        if self.fails:
            raise self.fails.pop(0)
        assert not {event.key for event in batch.events} & self._events.keys(), "an event is stored once"
        sessions = [*batch.sessions, *batch.new_sessions]
        assert len({session_key(session) for session in sessions}) == len(sessions), "each session once"
        for session in batch.new_sessions:
            assert session.session_id not in self._sessions.get((session.site, session.party_id), {}), "it is new"
        self.rows += map(dict, batch.rows)
        gone = {(batch.topic, position) for position in batch.replayed}
        self.dead_letters = [letter for letter in self.dead_letters if (letter.topic, letter.position) not in gone] + batch.dead_letters
        self._events |= {event.key: event.payload for event in batch.events}
        for session in sessions:
            self._sessions.setdefault((session.site, session.party_id), {})[session.session_id] = copy.copy(session)
        for key, account in batch.ledger.items():
            self._ledger.setdefault(key, Account()).add(account)
        self._positions[batch.topic] = batch.position
        self.commits += 1


def session_key(session: Session) -> tuple[str, str, str]:
    return session.site, session.party_id, session.session_id


@dataclass
class MemoryReader:
    """A reader over a list; a position is an index. It records the released positions."""

    contents: list[Message | Damage] = field(default_factory=list)
    released: int = -1
    account: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)

    def read(self, position: int, max_messages: int) -> Sequence[Entry | Damage]:
        found = self.contents[position : position + max_messages]
        return [item if isinstance(item, Damage) else Entry(at, at + 1, item) for at, item in enumerate(found, position)]

    def high_watermark(self) -> int:
        return len(self.contents)

    def release(self, position: int, account: Mapping[tuple[int, str], Mapping[str, int]]) -> None:
        self.released = position
        self.account |= {key: dict(counts) for key, counts in account.items()}


class Clock:
    """A clock in milliseconds since 1970 that a test advances."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


_numbers = itertools.count(1)


def a_record(**fields: Any) -> Record:
    """A page view in private mode; `at` sets all its times."""
    at = fields.pop("at", NOON)
    record = {
        "event_id": f"{next(_numbers):032x}",
        "event_type": "pageView",
        "source": "browser",
        "site": "shop",
        "occurred_at": at,
        "received_at": at,
        "created_at": at,
        "party_kind": "private",
        "page_url": "https://shop.example/",
        "page_host": "shop.example",
        "page_path": "/",
        "address": "192.0.2.0",
        "user_agent": "Firefox",
    }
    blank = {field["name"]: field.get("default") for field in SCHEMA["fields"]}
    return blank | record | fields


def a_message(record: Record | None = None, **fields: Any) -> Message:
    """The message of a record, as the collector writes it."""
    record = a_record(**fields) if record is None else record
    return Message(Kind.EVENT, record["received_at"], record["source"], b"key", record["event_id"], encoded(record))


def of_an_unknown_schema(record: Record | None = None, **fields: Any) -> Message:
    """A message that is only readable with the schema OLDER."""
    record = a_record(**fields) if record is None else record
    return replace(a_message(record), value=encode(OLDER, record))


def encoded(record: Record) -> bytes:
    """The result of schemas.codec.encode, without parsing the schema each time."""
    buffer = io.BytesIO(_PREFIX)
    buffer.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(buffer, _PARSED, record)
    return buffer.getvalue()


def a_rejection(reason: str, *, at: int = NOON, source: str = "browser") -> Message:
    return Message(Kind.REJECTION, at, source, reason.encode(), "", b"{}")


@dataclass(frozen=True)
class Place:
    """A result of the place database."""

    country: str | None = "Norway"
    country_code: str | None = "NO"
    country_code3: str | None = "NOR"
    region: str | None = "Oslo"
    city: str | None = "Oslo"
    latitude: float | None = 59.9
    longitude: float | None = 10.7


@dataclass(frozen=True)
class Device:
    """A parsed user agent."""

    device_type: str = "desktop"
    device_brand: str | None = None
    device_model: str | None = None
    browser: str | None = "Firefox"
    browser_version: str | None = "130"
    os: str | None = "Linux"
    os_version: str | None = None


def plain_channel(
    page_host: str | None, referrer: str | None, referrer_host: str | None, utm_source: str | None, *_: str | None
) -> Channel:
    if utm_source:
        return "Email", utm_source
    if referrer_host and referrer_host == page_host:
        return NO_CHANNEL
    return ("Referral", referrer_host) if referrer_host else ("Direct", None)


def plain_lookups() -> Lookups:
    return Lookups(
        find_place=lambda ip: Place() if ip else None,
        find_device=lambda _: Device(),
        find_bot_reasons=lambda agent: ("crawler", "headless") if agent and "bot" in agent else (),
        find_channel=plain_channel,
    )


@dataclass
class Converting:
    """A worker over memory: put messages in, step, look at the sink; `restart` makes a new worker over the same sink and salts."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    sink: MemorySink = field(default_factory=MemorySink)
    reader: MemoryReader = field(default_factory=MemoryReader)
    spools: dict[str, MemoryReader] = field(default_factory=dict)
    lookups: Lookups = field(default_factory=plain_lookups)
    settings: dict[str, Any] = field(default_factory=dict)
    decoder: CompiledDecoder = DECODER

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.salts = Salts.open(self.folder / "secrets" / "salts.json")
        settings = Settings(**self.settings)
        metrics = Metrics()
        tools = make_tools(self.decoder, self.lookups, settings, self.salts, metrics)
        self.worker = Worker(lambda: {"": self.reader} | self.spools, self.sink, tools, settings, self.clock, metrics)

    def take(self, *messages: Message | Damage) -> list[Row]:
        """Process the messages, each list as one batch; return their rows."""
        before = len(self.sink.rows)
        self.reader.contents += messages
        while self.worker.step():
            pass
        return self.sink.rows[before:]

    def row(self, **fields: Any) -> Row:
        """Process one event and return its row."""
        [row] = self.take(a_message(**fields))
        return row

    def accounts(self) -> dict[str, int]:
        """The outcomes of all messages."""
        total = Account()
        for account in self.sink.ledger(0).values():
            total.add(account)
        return asdict(total)


def minute_of(at: int) -> int:
    return at - at % MINUTE_MS
