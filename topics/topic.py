"""What a topic is to the stations on both sides of it: messages in, durable before the answer; messages out, by position.

Messages are made for every event on both sides: msgspec's structs take a quarter of the time of frozen dataclasses.
"""

import asyncio
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, Protocol

import msgspec


class Kind(IntEnum):
    """What a message tells: an event that was taken, that one was refused, or a dead letter on its way once more."""

    EVENT = 0
    REJECTION = 1
    REPLAY = 2  # never in a file: an event whose dead letter is counted already


class Message(msgspec.Struct, frozen=True, gc=False):
    """One entry of a topic.

    An EVENT carries the record as a single-object Avro message in `value`; its `key` is the partition key.
    A REJECTION carries the reject reason in `key` and a JSON object with the details in `value`.
    """

    kind: Kind
    received_at: int  # milliseconds since 1970, the collector's clock
    source: str  # up to 255 bytes of UTF-8
    key: bytes  # up to 255 bytes
    event_id: str  # up to 255 bytes of UTF-8; empty where the refused event had none
    value: bytes
    spool: str = ""  # on Kafka: the id of the local topic it was forwarded from


MESSAGE_BYTES: Final = 100  # of a message beside its value: the frame, and texts that are all about as long


def stored_bytes(messages: Sequence[Message]) -> int:
    """Return about how many bytes messages take in a topic."""
    size = 0
    for message in messages:
        size += MESSAGE_BYTES + len(message.value)
    return size


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A message with the place it was read from and the place where the next one begins."""

    position: int
    next_position: int
    message: Message


class Damage(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a topic that are not a frame: set aside whole, so that a reader can account for them."""

    position: int
    next_position: int
    content: bytes
    reason: str


class TopicError(Exception):
    """Base of what can go wrong with a topic.

    TopicError
    ├── TopicFull       what is unread has reached its bound; try again later
    ├── TopicFailed     a write or a sync failed; nothing of that group is acknowledged
    └── TopicInUse      another process writes to it
    """


class TopicFull(TopicError):
    """What is unread has reached its bound; `retry_after_seconds` says when to try again."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TopicFailed(TopicError):
    """A write or a sync failed: nothing of that group is acknowledged and the process must end."""


class TopicInUse(TopicError):
    """Another process writes to the topic."""


class TopicWriter(Protocol):
    """The side that appends."""

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Take messages, all or none; the future is done when they are durable.

        Raises TopicFull at once. The future raises TopicFull (the disk took nothing; try again later) or TopicFailed.
        """
