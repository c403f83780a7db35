"""Avro's binary encoding of single values (Avro 1.12, section Binary Encoding). For speed, most values are looked up in tables."""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from struct import Struct
from typing import Generic, TypeVar

TABLE_SIZE = 4096
Key = TypeVar("Key")
Result = TypeVar("Result", bytes, tuple[bytes, ...])


def varint(number: int) -> bytes:
    """Encode an int or long: zigzag, seven bits per byte."""
    return _seven_bit_groups((number << 1) ^ (number >> 63))


def _seven_bit_groups(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


LENGTHS = [varint(length) for length in range(TABLE_SIZE)]
INTEGERS = {number: varint(number) for number in range(-128, 2 * TABLE_SIZE)}


@cache
def encoded_integers(branch: bytes, low: int, high: int) -> Mapping[int, bytes]:
    """Return the bytes of the small integers of a range, each after the branch of its union."""
    return {number: branch + encoded for number, encoded in INTEGERS.items() if low <= number <= high}


pack_double = Struct("<d").pack
pack_float = Struct("<f").pack

_LOW_BYTES = [bytes((low & 127 | 128, low >> 7 | 128)) for low in range(1 << 14)]


class Instants:
    """An encoder for longs that are close to each other. It caches the upper part, which changes every 8 seconds in a timestamp."""

    def __init__(self) -> None:
        self._high_bytes: dict[int, bytes] = {}

    def encode(self, number: int) -> bytes:
        """Encode a long."""
        rest = number << 1
        high = rest >> 14
        part = self._high_bytes.get(high)
        if part is None:
            if high <= 0:
                return varint(number)
            if len(self._high_bytes) >= TABLE_SIZE:
                self._high_bytes.clear()
            part = self._high_bytes[high] = _seven_bit_groups(high)
        return _LOW_BYTES[rest & 16383] + part


def octets(content: bytes) -> bytes:
    """Encode bytes, or a text in UTF-8."""
    length = len(content)
    return (LENGTHS[length] if length < TABLE_SIZE else varint(length)) + content


def text(text: str) -> bytes:
    """Encode a text. It duplicates `octets`, because another call would double the cost."""
    content = text.encode()
    length = len(content)
    return (LENGTHS[length] if length < TABLE_SIZE else varint(length)) + content


class BoundedCache(Generic[Key, Result]):
    """Results that were computed from texts, up to a number of bytes. At the bound, the oldest quarter is evicted."""

    def __init__(self, function: Callable[[Key], Result], *, max_bytes: int = 2 << 20, max_key_bytes: int = 4096) -> None:
        self.entries: dict[Key, Result] = {}
        self._function: Callable[[Key], Result] = function
        self._max_bytes = max_bytes
        self._max_key_bytes = max_key_bytes
        self._bytes = 0

    def compute(self, key: Key) -> Result:
        """Compute a result that is not in `entries`, and store it."""
        result: Result = self._function(key)
        self.store(key, result)
        return result

    def store(self, key: Key, result: Result) -> None:
        """Store a result, unless its key is long."""
        size = sum(map(sys.getsizeof, key)) if isinstance(key, tuple) else sys.getsizeof(key)
        if size <= self._max_key_bytes:
            self._bytes += size + 150 + sum(map(sys.getsizeof, result if isinstance(result, tuple) else (result,)))
            if self._bytes > self._max_bytes:
                self._evict()
            self.entries[key] = result

    def _evict(self) -> None:
        entries = self.entries
        oldest = list(islice(entries, len(entries) // 4 + 1))
        self._bytes -= self._bytes * len(oldest) // (len(entries) + 1)
        for key in oldest:
            del entries[key]
