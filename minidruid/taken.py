"""Says at once of most event keys that they were never stored, so that the table is looked through for few.

A Bloom filter (Bloom 1970): no false "never", 0.02 % false "perhaps" while a filter holds no more than its capacity.
An index of DuckDB would do the same in ten times the memory, and rewrite itself at each checkpoint (README.md has the figures).
"""

import struct
from dataclasses import dataclass

PROBES = 5
BITS_PER_KEY = 24
SMALLEST_BITS = 1 << 24  # 2 MB, 700,000 keys
LARGEST_BITS = 1 << 29  # 64 MB, 22,000,000 keys; the limit of bitstring_agg is 10^9 bits

_pair = struct.Struct(">qq").unpack


def split(key: bytes) -> tuple[int, int]:
    """Give a key of 16 bytes as the two signed 64 bit numbers that the table keeps."""
    high, low = _pair(key)
    return high, low


def bits_for(count: int) -> int:
    """How many bits a filter of so many keys gets: a power of two."""
    wanted = SMALLEST_BITS
    while wanted < count * BITS_PER_KEY and wanted < LARGEST_BITS:
        wanted *= 2
    return wanted


def probes_sql(high: str, bits: int) -> str:
    """The same computation as in `_Filter`, in SQL, for probe number `i`."""
    return f"(({high} & 4294967295) + i * ((({high} >> 32) & 4294967295) | 1)) & {bits - 1}"


@dataclass(slots=True)
class _Filter:
    """One filter; bit number 0 is the leftmost, as in DuckDB's BIT."""

    bits: bytearray
    mask: int
    room: int

    # Both loops are written out: they run for every event, and a generator of the places would double their time.
    def may_hold(self, high: int) -> bool:
        place, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
        for _ in range(PROBES):
            if not self.bits[(place & self.mask) >> 3] & (0x80 >> (place & 7)):
                return False
            place += step
        return True

    def add(self, high: int) -> None:
        place, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
        for _ in range(PROBES):
            self.bits[(place & self.mask) >> 3] |= 0x80 >> (place & 7)
            place += step
        self.room -= 1


class TakenKeys:
    """All keys that were ever stored, as filters; a full one is followed by one of twice its size."""

    def __init__(self, bits: bytes, count: int) -> None:
        self._filters = [self._filter(bytearray(bits), count)]

    @classmethod
    def of_size(cls, bits: int) -> "TakenKeys":
        """An empty memory."""
        return cls(bytes(bits // 8), 0)

    @staticmethod
    def _filter(bits: bytearray, count: int) -> _Filter:
        size = len(bits) * 8
        return _Filter(bits, size - 1, size // BITS_PER_KEY - count)

    def may_hold(self, high: int) -> bool:
        """False: never stored. True: look it up."""
        for one in self._filters:  # noqa: SIM110 - `any` over a generator doubles the time
            if one.may_hold(high):
                return True
        return False

    def add(self, high: int) -> None:
        """Remember a key by its upper half."""
        newest = self._filters[-1]
        if newest.room <= 0:
            newest = self._filter(bytearray(min(len(newest.bits) * 2, LARGEST_BITS // 8)), 0)
            self._filters.append(newest)
        newest.add(high)
