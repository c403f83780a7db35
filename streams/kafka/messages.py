"""What the converter reads from and writes to Kafka: records in, rows, dead letters and accounts out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas.codec import MARKER, PREFIX_BYTES
from schemas.contract import Column
from streams.dead_letters import Reason
from streams.kafka.partition import AccountKey, event_header
from streams.sink import Batch, DeadLetter, Row
from topics.accounts import ACCOUNT, DEAD_LETTERS, DUPLICATES, STORED, Account
from topics.kafka.messages import CONFLUENT_BYTES, ORIGIN, Headers
from topics.kafka.transactions import Fetched, Output
from topics.topic import Entry, Kind, Message

NO_POSITION: Final = -1

_LEFT_OUT: Final = {b"naked": 0, b"confluent": CONFLUENT_BYTES}  # of a format, the bytes before the Avro bytes


def to_entry(found: Fetched, restore: Callable[[bytes], bytes]) -> tuple[Entry, int]:
    """Give a message as the converter takes it, and its position in its spool; NO_POSITION where it must be dealt with in any case.

    What was not forwarded by headrace has no origin: it came when the broker says, from an unnamed source. `restore` gives the
    single-object message of what other producers write.
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
    """Give the value as it was in the local topic: the headers say what stood before the Avro bytes, and what stands there now."""
    value, left_out = found.value or b"", _LEFT_OUT.get(found.headers.get("format", b""))
    if left_out is not None:
        prefix = MARKER + _from_hex(found.headers.get("schema", b""))
        return prefix + value[left_out:] if len(prefix) == PREFIX_BYTES else value
    return restore(value) if "schema" not in found.headers else value


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode())
    except ValueError:
        return b""


class RowWriter:
    """Writes rows as Druid reads them: one JSON object each, in which a nested column is a value of its own, not text."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._nested = tuple(column.name for column in columns if column.druid == "json")

    def outputs(self, topic: str, partition: int, batch: Batch) -> Iterable[Output]:
        """Give the messages of a batch's rows; the rows are changed."""
        for row, event in zip(batch.rows, batch.events, strict=True):
            party: Any = row["party_id"]
            yield Output(topic, partition, party.encode() if party else None, self._value(row), [("event", event_header(event))])

    def _value(self, row: Row) -> bytes:
        told: dict[str, Any] = row
        for name in self._nested:
            if (text := told[name]) is not None:
                told[name] = msgspec.Raw(text.encode())
        return msgspec.json.encode(told)


def dead_letter_output(topic: str, letter: DeadLetter, origin: bytes | None) -> Output:
    """Give the message of a dead letter; `origin` is that of the letter it replays, if it does."""
    spool = bytes.fromhex(letter.spool) if letter.spool else bytes(8)
    told = {name: str(getattr(letter, name)) for name in ("stage", "reason", "text", "source", "failed_at")}
    headers: Headers = [(name.replace("_", "-"), text.encode()) for name, text in told.items()]
    headers += [("event-id", letter.event_id.encode()), ("key", letter.key)]
    headers += [("origin", ORIGIN.pack(spool, 0, letter.received_at))]
    return Output(topic, 0, origin or letter.origin.encode(), letter.content, headers)


def to_dead_letter(found: Fetched) -> DeadLetter:
    """Read what `dead_letter_output` wrote."""
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
    """Give a dead letter's message for the converter once more: in its own partition, where the party's sessions and accounts are."""
    topic, _, partition = letter.topic.rpartition("/")
    spool = bytes.fromhex(letter.spool) if letter.spool else bytes(8)
    headers: Headers = [
        ("replay-of", letter.origin.encode()),
        ("origin", ORIGIN.pack(spool, 0, letter.received_at)),
        ("source", letter.source.encode()),
        ("event-id", letter.event_id.encode()),
    ]
    return Output(topic, int(partition), letter.key or None, letter.content, headers)


def settled_output(topic: str, origin: bytes) -> Output:
    """Give the tombstone of a dead letter whose message is a row now, or was one before."""
    return Output(topic, 0, origin, None)


def ledger_outputs(topic: str, partition: int, accounts: Mapping[AccountKey, Account], spools: Mapping[str, int]) -> Sequence[Output]:
    """Give the messages that carry accounts, whole sums, and the positions that spools were read up to."""
    told: list[tuple[Any, Any]] = []
    for (spool, minute, source), account in accounts.items():
        counts = {name: getattr(account, name) for name in (STORED, DUPLICATES, DEAD_LETTERS)}
        told.append(([ACCOUNT, spool, minute, source], counts))
    told += [(["position", spool], position) for spool, position in spools.items()]
    return [Output(topic, partition, msgspec.json.encode(key), msgspec.json.encode(value)) for key, value in told]
