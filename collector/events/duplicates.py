"""A short memory of the latest events: of fixed size, and probabilistic as Divolte's."""

from array import array
from struct import Struct

import mmh3

_slot_and_signature = Struct(">i4xq").unpack


def event_digest(party_id: str, session_id: str, event_id: str) -> bytes:
    """Return the 16 bytes that identify an event of one party and session."""
    return mmh3.mmh3_x64_128_digest((party_id + session_id + event_id).encode("utf-16-le"))


class DuplicateMemory:
    """Holds one signature per slot: an event is remembered until another one takes its slot."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._signatures = array("q", bytes(8 * slots))

    def check_and_add(self, digest: bytes) -> bool:
        """Return whether an event was seen before, and remember it."""
        number, signature = _slot_and_signature(digest)
        slot = (number & 0x7FFFFFFF) % self._slots
        if self._signatures[slot] == signature and signature:  # 0: the slot is empty
            return True
        self._signatures[slot] = signature
        return False

    def forget(self, digest: bytes) -> None:
        """Forget an event that was not stored, so that it is not a duplicate when it is sent again."""
        number, signature = _slot_and_signature(digest)
        slot = (number & 0x7FFFFFFF) % self._slots
        if self._signatures[slot] == signature:
            self._signatures[slot] = 0
