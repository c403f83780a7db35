"""The received part of the ledger: counts of messages by minute and source, and of rejections by reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec
from google_crc32c import value as crc32c

from startup.atomic_files import write_whole
from topics.topic import Kind, Message

MINUTE_MS = 60_000
KEPT_MS = 48 * 60 * MINUTE_MS


@dataclass(slots=True)
class Received:
    """Counts of received messages: all of them, and the rejections among them by reason."""

    received: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Received") -> None:
        self.received += other.received
        for reason, count in other.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + count

    def copy(self) -> "Received":
        return Received(self.received, dict(self.rejected))


Minute: TypeAlias = tuple[int, str]  # (milliseconds since 1970, source)
ReceivedCounts: TypeAlias = dict[Minute, Received]


def count(counts: ReceivedCounts, message: Message) -> None:
    """Add one message to the counts."""
    minute = message.received_at - message.received_at % MINUTE_MS
    received = counts.get((minute, message.source))
    if received is None:
        received = counts[minute, message.source] = Received()
    received.received += 1
    if message.kind is Kind.REJECTION:
        reason = message.key.decode("utf-8", "replace")
        received.rejected[reason] = received.rejected.get(reason, 0) + 1


class Ledger:
    """The counts of the last 48 hours of minutes, and totals by source that never reset."""

    def __init__(self) -> None:
        self.minutes: ReceivedCounts = {}
        self.totals: dict[str, Received] = {}

    def add(self, counts: ReceivedCounts) -> None:
        for (minute, source), received in counts.items():
            self.minutes.setdefault((minute, source), Received()).add(received)
            self.totals.setdefault(source, Received()).add(received)

    def add_messages(self, messages: Iterable[Message]) -> None:
        counts: ReceivedCounts = {}
        for message in messages:
            count(counts, message)
        self.add(counts)

    def forget_before(self, minute: int) -> None:
        """Drop the minutes before this one; the totals keep them."""
        self.minutes = {key: received for key, received in self.minutes.items() if key[0] >= minute}


class _Snapshot(msgspec.Struct, frozen=True):
    position: int
    minutes: list[tuple[int, str, int, dict[str, int]]]
    totals: list[tuple[str, int, dict[str, int]]]


def save(path: Path, ledger: Ledger, position: int) -> None:
    """Write the ledger of everything before `position`."""
    minutes = [(minute, source, received.received, received.rejected) for (minute, source), received in ledger.minutes.items()]
    totals = [(source, received.received, received.rejected) for source, received in ledger.totals.items()]
    body = msgspec.json.encode(_Snapshot(position, minutes, totals))
    write_whole(path, b"%08x\n%s\n" % (crc32c(body), body))


def load(path: Path) -> tuple[Ledger, int] | None:
    """Read the result of `save`; None if it is missing or damaged, and the frames must be counted again."""
    try:
        checksum, body = path.read_bytes().splitlines()
        if int(checksum, 16) != crc32c(body):
            return None
        snapshot = msgspec.json.decode(body, type=_Snapshot)
    except (FileNotFoundError, ValueError):  # msgspec's errors are ValueErrors
        return None
    ledger = Ledger()
    ledger.minutes = {(minute, source): Received(received, rejected) for minute, source, received, rejected in snapshot.minutes}
    ledger.totals = {source: Received(received, rejected) for source, received, rejected in snapshot.totals}
    return ledger, snapshot.position
