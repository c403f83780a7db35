"""The format of messages on Kafka: key, value and headers."""

from collections.abc import Mapping
from struct import Struct
from typing import TypeAlias

from schemas.codec import MARKER, PREFIX_BYTES
from topics.kafka.settings import MessageFormat
from topics.topic import Damage, Message

Headers: TypeAlias = list[tuple[str, str | bytes | None]]

ORIGIN = Struct(">8sQQ")  # spool id, position in the spool, received_at in milliseconds since 1970

CONFLUENT_MARKER = b"\0"
CONFLUENT_BYTES = 5  # the marker and the id of the schema, big-endian


def fingerprint_of(value: bytes) -> bytes | None:
    """Return the schema fingerprint of a single-object message, or None if it is not one."""
    return value[2:PREFIX_BYTES] if value[:2] == MARKER and len(value) >= PREFIX_BYTES else None


def headers(message: Message, spool: bytes, position: int, message_format: MessageFormat = "single-object") -> Headers:
    """Return the headers of an event on the topic of the records; `format` is among them if the value is not single-object."""
    found: Headers = [
        ("origin", ORIGIN.pack(spool, position, message.received_at)),
        ("event-id", message.event_id),
        ("source", message.source),
    ]
    if fingerprint := fingerprint_of(message.value):
        found.append(("schema", fingerprint.hex()))
        if message_format != "single-object":
            found.append(("format", message_format))
    return found


def dead_letter(damage: Damage, spool: bytes, failed_at: int) -> tuple[bytes, bytes, Headers]:
    """Return key, value and headers of the dead letter of damage, whose source and time of receipt are unknown."""
    content, text = damage.truncated()
    texts = {
        "stage": "read",
        "reason": "damaged_frame",
        "text": text,
        "source": "",
        "event_id": "",
        "received_at": 0,
        "failed_at": failed_at,
    }
    found = dead_letter_headers(texts, b"", ORIGIN.pack(spool, damage.position, 0))
    return f"spool/{spool.hex()}/{damage.position}".encode(), content, found


def dead_letter_headers(texts: Mapping[str, object], key: bytes, origin: bytes) -> Headers:
    """Return the headers of a dead letter: its texts by name, and the key and the origin of its message."""
    return [*((name.replace("_", "-"), str(text).encode()) for name, text in texts.items()), ("key", key), ("origin", origin)]
