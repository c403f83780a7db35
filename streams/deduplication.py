"""Deduplication: an event with a known id is a duplicate if its content is the same, otherwise a conflict."""

from collections.abc import Callable
from enum import Enum, auto
from hashlib import blake2b
from typing import Any

import msgspec

from schemas.codec import Record
from streams.sink import StoredEvent

# The collector records a retry again: at another time, perhaps from another network or source, with other flags.
# Only what the page said about the event itself must be the same, without its party (an opt-out in the meantime removes the ids).
NOT_COMPARED = frozenset(
    {
        "received_at",
        "occurred_at",
        "source",
        "address",
        "user_agent",
        "party_kind",
        "party_id",
        "session_id",
        "is_new_party",
        "is_first_in_session",
        "is_duplicate",
        "is_corrupt",
        "is_skewed",
        "is_cleaned",
        "is_implausible",
    }
)

_encode = msgspec.msgpack.Encoder().encode


class EventStatus(Enum):
    """The relation of an event to earlier ones."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


def stored_event(site: str, event_id: str, record: Record) -> StoredEvent:
    """Return the key and the hash of the content of a decoded record.

    Null, empty, zero and false fields are left out, so that an event replayed after a field was added to the schema is still the same.
    """
    compared = [item for item in record.items() if item[1] and item[0] not in NOT_COMPARED]
    compared.sort()  # by name: the order of the schema's fields does not matter
    payload = int.from_bytes(blake2b(_encode(compared), digest_size=8).digest(), "little", signed=True)
    return StoredEvent(event_key(site, event_id), payload)


def event_key(site: str, event_id: str) -> bytes:
    """Return the 16 bytes that identify an event; the length of the site separates site and id."""
    return blake2b(f"{len(site)}:{site}{event_id}".encode(), digest_size=16).digest()


def classify(event: StoredEvent, known: Callable[[bytes], Any]) -> EventStatus:
    """Return the status of an event; `known` returns the payload of a known key, or None."""
    payload = known(event.key)
    if payload is None:
        return EventStatus.NEW
    return EventStatus.DUPLICATE if payload == event.payload else EventStatus.CONFLICT
