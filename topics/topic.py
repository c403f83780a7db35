"""The interface of a topic: messages in, durable before the response; messages out, by position.

Messages are created for every event on both sides, so they are msgspec structs: a quarter of the cost of frozen dataclasses.
"""

import asyncio
import secrets
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, Protocol

import msgspec


class Kind(IntEnum):
    """The kind of a message: an accepted event, a rejection, or the replay of a dead letter."""

    EVENT = 0
    REJECTION = 1
    REPLAY = 2  # never in a file: an event whose dead letter is already counted


class Message(msgspec.Struct, frozen=True, gc=False):
    """One entry of a topic.

    An EVENT carries the record as a single-object Avro message in `value`; its `key` is the partition key.
    A REJECTION carries the reject reason in `key` and a JSON object with the details in `value`.
    """

    kind: Kind
    received_at: int  # milliseconds since 1970, by the collector's clock
    source: str  # up to 255 bytes of UTF-8
    key: bytes  # up to 255 bytes
    event_id: str  # up to 255 bytes of UTF-8; empty if the rejected event had none
    value: bytes
    spool: str = ""  # on Kafka: the id of the spool that the message was forwarded from


MAX_DAMAGED_BYTES: Final = 1 << 20  # kept of a damaged frame, which can be as long as a segment


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A message with its position and the position of the next one."""

    position: int
    next_position: int
    message: Message


class Damage(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a topic that are not a valid frame: set aside whole, so that a consumer can account for them."""

    position: int
    next_position: int
    content: bytes
    reason: str

    def truncated(self) -> tuple[bytes, str]:
        """Return the content and the reason for a dead letter, which keeps the first MAX_DAMAGED_BYTES."""
        length = len(self.content)
        if length <= MAX_DAMAGED_BYTES:
            return self.content, self.reason
        return self.content[:MAX_DAMAGED_BYTES], f"{self.reason}; the first {MAX_DAMAGED_BYTES} of {length} bytes"


class TopicError(Exception):
    """Base class of the errors of a topic.

    TopicError
    ├── TopicFull       the topic takes no messages now; retry later
    ├── TopicFailed     a write or a sync failed; nothing of its group is acknowledged
    └── TopicInUse      another process writes to the topic
    """


class TopicFull(TopicError):
    """The topic takes no messages now; retry after `retry_after_seconds`, which are randomized, so that not all senders retry at once."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.retry_after_seconds = 5 + secrets.randbelow(26)


class TopicFailed(TopicError):
    """A write or a sync failed: nothing of its group is acknowledged, and the process must exit."""


class TopicInUse(TopicError):
    """Another process writes to the topic."""


class TopicWriter(Protocol):
    """The writing side of a topic."""

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Append all messages or none; the future completes when they are durable.

        Raises TopicFull at once. The future raises TopicFull (the disk is full; retry later) or TopicFailed.
        """
