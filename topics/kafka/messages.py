"""What a message of a local topic looks like on Kafka: its key, its value, its headers."""

from struct import Struct
from typing import TypeAlias

from schemas.codec import MARKER, PREFIX_BYTES
from topics.topic import Damage, Message

Headers: TypeAlias = list[tuple[str, str | bytes | None]]

ORIGIN = Struct(">8sQQ")  # spool id, position in the spool, received_at in milliseconds since 1970

# A damaged stretch can be as long as a segment; so much of it is kept, the text tells the rest.
MOST_DAMAGED_BYTES = 1 << 20


def headers(message: Message, spool: bytes, position: int) -> Headers:
    """Give the headers of an event on the topic of the records."""
    found: Headers = [
        ("origin", ORIGIN.pack(spool, position, message.received_at)),
        ("event-id", message.event_id),
        ("source", message.source),
    ]
    if message.value[:2] == MARKER and len(message.value) >= PREFIX_BYTES:
        found.append(("schema", message.value[2:PREFIX_BYTES].hex()))
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
