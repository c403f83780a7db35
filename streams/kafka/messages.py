"""The messages that the converter reads from and writes to Kafka: records in, rows, dead letters and accounts out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas.codec import MARKER, PREFIX_BYTES
from schemas.contract import Column
from streams.dead_letters import Reason
from streams.kafka.partition import AccountKey, event_header
from streams.sink import Batch, DeadLetter, Row
from topics.accounts import ACCOUNT, DEAD_LETTERS, DUPLICATES, STORED, Account
from topics.kafka.messages import CONFLUENT_BYTES, ORIGIN, Headers, dead_letter_headers
from topics.kafka.transactions import Fetched, Output
from topics.topic import Entry, Kind, Message

NO_POSITION: Final = -1

_PREFIX_LENGTHS: Final = {b"naked": 0, b"confluent": CONFLUENT_BYTES}  # bytes before the Avro bytes, by format


def to_entry(found: Fetched, restore: Callable[[bytes], bytes]) -> tuple[Entry, int]:
    """Return the entry of a message, and its position in its spool; NO_POSITION if the message must be processed in any case.

    A message that headrace did not forward has no origin: its time of receipt is the broker's, its source is "". `restore` converts
    messages of other producers to single-object messages.
    """
    headers = found.headers
    origin = headers.get("origin", b"")
    spool, position, received_at, source = "", NO_POSITION, found.timestamp, ""
    if len(origin) == ORIGIN.size:
        identity, position, received_at = ORIGIN.unpack(origin)
        spool, source = identity.hex(), headers.get("source", b"").decode("utf-8", "replace")
    kind = Kind.EVENT
    if "replay-of" in headers:
        kind, position = Kind.REPLAY, NO_POSITION
    event_id = headers.get("event-id", b"").decode("utf-8", "replace")
    message = Message(kind, received_at, source, found.key or b"", event_id, _single_object(found, restore), spool)
    return Entry(found.offset, found.offset + 1, message), position


def _single_object(found: Fetched, restore: Callable[[bytes], bytes]) -> bytes:
    """Return the value as it was in the local topic: the headers name the schema, and the format that the value has now."""
    value, length = found.value or b"", _PREFIX_LENGTHS.get(found.headers.get("format", b""))
    if length is not None:
        prefix = MARKER + _from_hex(found.headers.get("schema", b""))
        return prefix + value[length:] if len(prefix) == PREFIX_BYTES else value
    return restore(value) if "schema" not in found.headers else value


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode())
    except ValueError:
        return b""


class RowWriter:
    """Writes rows as Druid reads them: one JSON object each, in which a nested column is a JSON value, not text."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._nested = tuple(column.name for column in columns if column.druid == "json")

    def outputs(self, topic: str, partition: int, batch: Batch) -> Iterable[Output]:
        """Yield the messages of a batch's rows, and change the rows."""
        for row, event in zip(batch.rows, batch.events, strict=True):
            party: Any = row["party_id"]
            yield Output(topic, partition, party.encode() if party else None, self._value(row), [("event", event_header(event))])

    def _value(self, row: Row) -> bytes:
        value: dict[str, Any] = row
        for name in self._nested:
            if (text := value[name]) is not None:
                value[name] = msgspec.Raw(text.encode())
        return msgspec.json.encode(value)


def dead_letter_output(topic: str, letter: DeadLetter, origin: bytes | None) -> Output:
    """Return the message of a dead letter; `origin` is that of the dead letter whose replay failed, if any."""
    texts = {name: getattr(letter, name) for name in ("stage", "reason", "text", "source", "event_id", "received_at", "failed_at")}
    headers = dead_letter_headers(texts, letter.key, _origin(letter))
    return Output(topic, 0, origin or letter.origin.encode(), letter.content, headers)


def to_dead_letter(found: Fetched) -> DeadLetter:
    """Parse the result of `dead_letter_output`."""
    headers = found.headers
    text = {name: value.decode("utf-8", "replace") for name, value in headers.items() if name not in ("origin", "key")}
    spool, _, received_at = ORIGIN.unpack(headers["origin"])
    topic, _, position = (found.key or b"").decode().rpartition("/")
    return DeadLetter(
        topic=topic,
        position=int(position),
        stage=text["stage"],
        reason=Reason(text["reason"]),
        text=text["text"],
        source=text["source"],
        event_id=text["event-id"],
        received_at=received_at,
        failed_at=int(text["failed-at"]),
        content=found.value or b"",
        key=headers["key"],
        spool=spool.hex() if any(spool) else "",
    )


def replay_output(letter: DeadLetter) -> Output:
    """Return the message that replays a dead letter, in its original partition, which has the party's sessions and accounts."""
    topic, _, partition = letter.topic.rpartition("/")
    headers: Headers = [
        ("replay-of", letter.origin.encode()),
        ("origin", _origin(letter)),
        ("source", letter.source.encode()),
        ("event-id", letter.event_id.encode()),
    ]
    return Output(topic, int(partition), letter.key or None, letter.content, headers)


def _origin(letter: DeadLetter) -> bytes:
    """Return the header with the spool and the time of receipt of a dead letter; its position is in the key."""
    return ORIGIN.pack(bytes.fromhex(letter.spool) if letter.spool else bytes(8), 0, letter.received_at)


def settled_output(topic: str, origin: bytes) -> Output:
    """Return the tombstone of a dead letter whose event is a row now."""
    return Output(topic, 0, origin, None)


def ledger_outputs(topic: str, partition: int, accounts: Mapping[AccountKey, Account], spools: Mapping[str, int]) -> Sequence[Output]:
    """Return the messages with accounts, as whole sums, and with the positions up to which spools are processed."""
    entries: list[tuple[Any, Any]] = []
    for (spool, minute, source), account in accounts.items():
        counts = {name: getattr(account, name) for name in (STORED, DUPLICATES, DEAD_LETTERS)}
        entries.append(([ACCOUNT, spool, minute, source], counts))
    entries += [(["position", spool], position) for spool, position in spools.items()]
    return [Output(topic, partition, msgspec.json.encode(key), msgspec.json.encode(value)) for key, value in entries]
