"""A short memory that flags an event seen a moment ago: of fixed size, and probabilistic as Divolte's."""

from array import array
from struct import Struct
from typing import Final

import mmh3

REPEATED: Final = "the event was seen a moment ago; the source drops repeats"

_slot_and_signature = Struct(">i4xq").unpack


def event_digest(party_id: str, session_id: str, event_id: str) -> bytes:
    """Give the 16 bytes that stand for an event of one party and session."""
    return mmh3.mmh3_x64_128_digest((party_id + session_id + event_id).encode("utf-16-le"))


class DuplicateMemory:
    """Holds one signature a slot; a repeat is known until another event takes its slot."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._signatures = array("q", bytes(8 * slots))

    def is_repeat(self, digest: bytes) -> bool:
        """Tell whether an event was seen before, and remember it."""
        number, signature = _slot_and_signature(digest)
        slot = (number & 0x7FFFFFFF) % self._slots
        if self._signatures[slot] == signature and signature:  # 0 is that of a slot which holds nothing
            return True
        self._signatures[slot] = signature
        return False

    def forget(self, digest: bytes) -> None:
        """Forget an event that was not stored after all, so that it is no repeat when it comes again."""
        number, signature = _slot_and_signature(digest)
        slot = (number & 0x7FFFFFFF) % self._slots
        if self._signatures[slot] == signature:
            self._signatures[slot] = 0
