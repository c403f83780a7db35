"""What a message of a local topic looks like on Kafka: its key, its value, its headers."""

from struct import Struct
from typing import TypeAlias

from schemas.codec import MARKER, PREFIX_BYTES
from topics.kafka.settings import MessageFormat
from topics.topic import Damage, Message

Headers: TypeAlias = list[tuple[str, str | bytes | None]]

ORIGIN = Struct(">8sQQ")  # spool id, position in the spool, received_at in milliseconds since 1970

CONFLUENT_MARKER = b"\0"
CONFLUENT_BYTES = 5  # the marker and the id of the schema, big-endian

# A damaged stretch can be as long as a segment; so much of it is kept, the text tells the rest.
MOST_DAMAGED_BYTES = 1 << 20


def fingerprint_of(value: bytes) -> bytes | None:
    """Give the fingerprint that a single-object message begins with, None if it is none."""
    return value[2:PREFIX_BYTES] if value[:2] == MARKER and len(value) >= PREFIX_BYTES else None


def headers(message: Message, spool: bytes, position: int, message_format: MessageFormat = "single-object") -> Headers:
    """Give the headers of an event on the topic of the records; `format` where its value is not as it is in the local topic."""
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
    """Give key, value and headers of the dead letter of bytes that are no frame; when they came and from where is not known."""
    length = len(damage.content)
    text = damage.reason if length <= MOST_DAMAGED_BYTES else f"{damage.reason}; the first {MOST_DAMAGED_BYTES} of {length} bytes"
    found: Headers = [
        ("stage", "read"),
        ("reason", "damaged_frame"),
        ("text", text),
        ("source", ""),
        ("event-id", ""),
        ("received-at", "0"),
        ("failed-at", str(failed_at)),
        ("key", b""),
        ("origin", ORIGIN.pack(spool, damage.position, 0)),
    ]
    return f"spool/{spool.hex()}/{damage.position}".encode(), damage.content[:MOST_DAMAGED_BYTES], found
