"""The frame of a message in a local topic: encode, decode, and find the next whole frame after damage.

`length u32 | CRC-32C u32 | received_at i64 | kind u8 | source length u8 | key length u8 | event id length u8 |
source | key | event id | value`, little-endian. `length` counts the bytes after the checksum; the checksum covers the same bytes.
"""

import re
import struct
from collections.abc import Iterable

from google_crc32c import value as crc32c

from topics.topic import Entry, Kind, Message

PREFIX_BYTES = 8  # length and checksum
FIXED_BYTES = 12  # of the rest, the part that every frame has
MIN_BYTES = PREFIX_BYTES + FIXED_BYTES
MAX_LENGTH = (1 << 24) - 1  # the fourth byte of a frame is zero, which makes frames fast to find

_PREFIX = struct.Struct("<II")
_FIXED = struct.Struct("<qBBBB")
_HEAD = struct.Struct("<IIqBBBB")
_KINDS = (Kind.EVENT, Kind.REJECTION)
_CANDIDATE = re.compile(rb"(?=.{3}\x00.{12}[\x00\x01])", re.DOTALL)


def encode(message: Message) -> bytes:
    """Return the frame of a message; raises ValueError for a message that is too large for a frame."""
    if message.kind is Kind.REPLAY:
        raise ValueError("a replay is never written to a local topic")
    source, event_id, key = message.source.encode(), message.event_id.encode(), message.key
    try:
        fixed = _FIXED.pack(message.received_at, message.kind, len(source), len(key), len(event_id))
    except struct.error as error:
        raise ValueError(f"source, key and event id may have at most 255 bytes, not {len(source)}, {len(key)}, {len(event_id)}") from error
    body = b"".join((fixed, source, key, event_id, message.value))
    if len(body) > MAX_LENGTH:
        raise ValueError(f"a frame may have at most {MAX_LENGTH} bytes, not {len(body)}")
    return _PREFIX.pack(len(body), crc32c(body)) + body


def stored_bytes(messages: Iterable[Message]) -> int:
    """Return how many bytes the frames of messages take, of which each character of source and event id counts as one."""
    size = 0
    for message in messages:
        size += MIN_BYTES + len(message.source) + len(message.key) + len(message.event_id) + len(message.value)
    return size


def decode(buffer: bytes, start: int, base: int, max_frames: int) -> list[Entry]:
    """Return the whole, consecutive frames of the buffer from `start` on; `base` is the position of the buffer's first byte."""
    entries: list[Entry] = []
    unpack, size, kinds = _HEAD.unpack_from, len(buffer), _KINDS
    while len(entries) < max_frames and size - start >= MIN_BYTES:
        length, checksum, received_at, kind, source_size, key_size, id_size = unpack(buffer, start)
        end = start + PREFIX_BYTES + length
        key_at = FIXED_BYTES + source_size
        id_at = key_at + key_size
        value_at = id_at + id_size
        if end > size or length < value_at or kind > 1:
            break
        body = buffer[start + PREFIX_BYTES : end]
        if crc32c(body) != checksum:
            break
        # "replace": bytes with a valid checksum were written from text; one false match in four billion must not stop a consumer.
        source, event_id = body[FIXED_BYTES:key_at].decode("utf-8", "replace"), body[id_at:value_at].decode("utf-8", "replace")
        message = Message(kinds[kind], received_at, source, body[key_at:id_at], event_id, body[value_at:])
        entries.append(Entry(base + start, base + end, message))
        start = end
    return entries


def claimed_bytes(buffer: bytes, start: int) -> int:
    """Return the length that the frame at `start` claims, plausible or not; at least the bytes that hold the claim."""
    if len(buffer) - start < MIN_BYTES:
        return MIN_BYTES
    length: int = _PREFIX.unpack_from(buffer, start)[0]
    return PREFIX_BYTES + length


def find_frame(buffer: bytes, start: int) -> int | None:
    """Return the offset of the first whole frame at or after `start`, or None."""
    for candidate in _CANDIDATE.finditer(buffer, start):
        if decode(buffer, candidate.start(), 0, 1):
            return candidate.start()
    return None
