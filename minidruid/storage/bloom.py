"""Bloom filters over event keys (Bloom 1970): no false "never seen", and 0.1 % false "perhaps" in a full one.

A filter is its bits, a power of two of bytes. It tests the upper half of a key, which is a hash already.
"""

from collections.abc import Sequence

BITS_PER_KEY = 16
PROBES = 6
EVERYTHING = b"\xff"  # the filter that rules out no key

_probes = range(PROBES)


def matches(filters: Sequence[bytes | bytearray], high: int) -> list[int]:
    """Return the numbers of the filters that may hold a key; it is certainly in no other.

    This runs for every event, hence the loops without calls and the look at the first bit before the rest.
    """
    place, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
    byte, bit = place >> 3, 0x80 >> (place & 7)  # bit number 0 is the leftmost, as in DuckDB's BIT
    found = []
    for number, bits in enumerate(filters):
        last = len(bits) - 1
        if bits[byte & last] & bit:
            at = place
            for _ in _probes:
                if not bits[at >> 3 & last] & 0x80 >> (at & 7):
                    break
                at += step
            else:
                found.append(number)
    return found


def add(bits: bytearray, high: int) -> None:
    """Put a key into the filter."""
    at, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
    last = len(bits) - 1
    for _ in _probes:
        bits[at >> 3 & last] |= 0x80 >> (at & 7)
        at += step


def fold(bits: bytes) -> bytes:
    """Return a filter of half the size for the same keys."""
    half = len(bits) // 2
    return (int.from_bytes(bits[:half]) | int.from_bytes(bits[half:])).to_bytes(half)


def select_filter(source: str, size_bytes: int) -> str:
    """Return SQL for the filter of the keys `high` of a source, a table or a subquery; null if it has none."""
    bits = size_bytes * 8
    probe = f"((high & 4294967295) + i * (((high >> 32) & 4294967295) | 1)) & {bits - 1}"
    return f"SELECT bitstring_agg({probe}, 0, {bits - 1})::BLOB FROM {source}, range({PROBES}) AS probe(i)"
