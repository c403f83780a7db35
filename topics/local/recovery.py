"""Recovery when a writer starts: count uncounted messages, truncate what was never acknowledged, set damage aside."""

import os
from dataclasses import dataclass
from pathlib import Path

from startup.atomic_files import sync_directory
from topics.ledger import Ledger, Received, load
from topics.local.segments import HEADER_BYTES, SegmentReader, segment_bases, segment_path, set_aside
from topics.topic import Damage, Entry

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Recovered:
    """The findings at the start: a torn tail was never acknowledged, a damaged frame may have been."""

    torn_bytes: int = 0
    damaged: int = 0
    damaged_bytes: int = 0
    counted: int = 0  # messages that the last snapshot of the ledger lacked
    is_ledger_lost: bool = False  # no readable snapshot, though messages had been deleted: the totals start again


@dataclass(frozen=True, slots=True)
class Recovery:
    """The state that a writer starts with."""

    ledger: Ledger
    end: int
    counted_from: int  # position of the snapshot that the ledger was loaded from
    recovered: Recovered


def recover(directory: Path, ledger_path: Path, *, acknowledged: int, released: int, minute: int) -> Recovery:
    """Recover a directory; nothing before `acknowledged` is truncated, and the end is never before it or before `released`.

    Damage counts as one message received in `minute` from the source "", as the converter accounts for it.
    """
    bases = segment_bases(directory)
    snapshot = load(ledger_path)
    ledger, start = snapshot or (Ledger(), 0)
    size_end = bases[-1] + segment_path(directory, bases[-1]).stat().st_size if bases else 0
    counted, damages = count_messages(directory, ledger, start, size_end)
    torn = damages.pop() if _is_torn_tail(damages, size_end, acknowledged) else None
    for damage in damages:
        set_aside(directory, damage)
        ledger.add({(minute, ""): Received(1)})
    end = _truncate(directory, bases[-1], torn.position if torn else size_end) if bases else 0
    recovered = Recovered(
        torn_bytes=len(torn.content) if torn else 0,
        damaged=len(damages),
        damaged_bytes=sum(len(damage.content) for damage in damages),
        counted=counted,
        is_ledger_lost=snapshot is None and bool(bases) and bases[0] > 0,
    )
    return Recovery(ledger, max(end, start, acknowledged, released), start, recovered)


def count_messages(directory: Path, ledger: Ledger, start: int, end: int) -> tuple[int, list[Damage]]:
    """Add the messages between two positions to a ledger; return their number, and the damage, which is not counted."""
    reader = SegmentReader(directory)
    counted, damages = 0, []
    try:
        while found := reader.read(start, end, _AT_ONCE):
            messages = [one.message for one in found if isinstance(one, Entry)]
            ledger.add_messages(messages)
            counted += len(messages)
            damages += [one for one in found if isinstance(one, Damage)]
            start = found[-1].next_position
    finally:
        reader.close()
    return counted, damages


def _is_torn_tail(damages: list[Damage], end: int, acknowledged: int) -> bool:
    return bool(damages) and damages[-1].next_position == end and damages[-1].position >= acknowledged


def _truncate(directory: Path, base: int, end: int) -> int:
    """Truncate the last segment and sync it; delete it if it has no frame left."""
    path = segment_path(directory, base)
    if end - base <= HEADER_BYTES:
        path.unlink()
        sync_directory(directory)
        return base
    fd = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(fd, end - base)
        os.fsync(fd)
    finally:
        os.close(fd)
    return end
