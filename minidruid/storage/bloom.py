"""Bloom filters of event keys (Bloom 1970): no false negatives, and 0.1 % false positives when full.

A filter is an array of bits, with a power of two of bytes. It uses the upper half of a key, which is a hash already.
"""

from collections.abc import Sequence

BITS_PER_KEY = 16
PROBES = 6
MATCHES_ALL = b"\xff"  # the filter that might contain every key

_probes = range(PROBES)


def might_contain(filters: Sequence[bytes | bytearray], high: int) -> list[int]:
    """Return the indexes of the filters that might contain a key; all others certainly do not.

    This runs for every event: hence loops without calls, and the first bit before the others.
    """
    hash_, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
    byte, bit = hash_ >> 3, 0x80 >> (hash_ & 7)  # bit 0 is the leftmost, as in DuckDB's BIT
    found = []
    for index, bits in enumerate(filters):
        mask = len(bits) - 1
        if bits[byte & mask] & bit:
            at = hash_
            for _ in _probes:
                if not bits[at >> 3 & mask] & 0x80 >> (at & 7):
                    break
                at += step
            else:
                found.append(index)
    return found


def add(bits: bytearray, high: int) -> None:
    """Add a key to a filter."""
    at, step = high & 0xFFFFFFFF, (high >> 32 & 0xFFFFFFFF) | 1
    mask = len(bits) - 1
    for _ in _probes:
        bits[at >> 3 & mask] |= 0x80 >> (at & 7)
        at += step


def fold(bits: bytes) -> bytes:
    """Return a filter of half the size that contains the same keys."""
    half = len(bits) // 2
    return (int.from_bytes(bits[:half]) | int.from_bytes(bits[half:])).to_bytes(half)


def select_filter(source: str, size_bytes: int) -> str:
    """Return SQL for the filter of the keys `high` of a table or subquery; NULL if it has no rows."""
    bits = size_bytes * 8
    probe = f"((high & 4294967295) + i * (((high >> 32) & 4294967295) | 1)) & {bits - 1}"
    return f"SELECT bitstring_agg({probe}, 0, {bits - 1})::BLOB FROM {source}, range({PROBES}) AS probe(i)"
