"""Which events were there before: the same id of the same site, and whether it tells the same."""

from collections.abc import Callable
from enum import Enum, auto
from hashlib import blake2b
from typing import Any

import msgspec

from schemas.codec import Record
from streams.sink import StoredEvent

# A retry is recorded anew by the collector: at another time, perhaps from another network, with other marks, by another way in.
# Only what the page said about the event itself must be the same; who said it is not part of it (a signal sent since drops the ids).
NOT_SAID_BY_THE_PAGE = frozenset(
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
    """What an event is beside those before it."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


def stored_event(site: str, event_id: str, record: Record) -> StoredEvent:
    """Give what the memory of events keeps of a record, as it was decoded.

    A field that is null, empty, zero or false is left out: so an event replayed after a field was added to the schema is still the same.
    """
    said = [item for item in record.items() if item[1] and item[0] not in NOT_SAID_BY_THE_PAGE]
    said.sort()  # names differ, so the order of the schema's fields does not matter
    payload = int.from_bytes(blake2b(_encode(said), digest_size=8).digest(), "little", signed=True)
    return StoredEvent(event_key(site, event_id), payload)


def event_key(site: str, event_id: str) -> bytes:
    """Give the 16 bytes that an event is known by; the length of the site keeps site and id apart."""
    return blake2b(f"{len(site)}:{site}{event_id}".encode(), digest_size=16).digest()


def compare(event: StoredEvent, known: Callable[[bytes], Any]) -> EventStatus:
    """Decide what an event is; `known` gives the payload of a key that is taken."""
    payload = known(event.key)
    if payload is None:
        return EventStatus.NEW
    return EventStatus.DUPLICATE if payload == event.payload else EventStatus.CONFLICT
