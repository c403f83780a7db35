"""Avro's binary encoding of single values (Avro 1.12, section Binary Encoding), as fast as Python gets: most are looked up, not made."""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from struct import Struct
from typing import Generic, TypeVar

TABLE = 4096
Key = TypeVar("Key")
Made = TypeVar("Made", bytes, tuple[bytes, ...])


def varint(number: int) -> bytes:
    """Encode an int or long: zigzag, seven bits a byte."""
    return _sevens((number << 1) ^ (number >> 63))


def _sevens(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


LENGTHS = [varint(length) for length in range(TABLE)]
INTEGERS = {number: varint(number) for number in range(-128, 2 * TABLE)}


@cache
def encoded_integers(branch: bytes, low: int, high: int) -> Mapping[int, bytes]:
    """Return the bytes of the small integers of a range, each behind the branch of its union."""
    return {number: branch + encoded for number, encoded in INTEGERS.items() if low <= number <= high}


pack_double = Struct("<d").pack
pack_float = Struct("<f").pack

_LOW = [bytes((low & 127 | 128, low >> 7 | 128)) for low in range(1 << 14)]


class Instants:
    """Encodes longs that lie close to each other: the upper part of a time stamp changes every 8 seconds and is remembered."""

    def __init__(self) -> None:
        self._high: dict[int, bytes] = {}

    def encode(self, number: int) -> bytes:
        """Encode a long."""
        rest = number << 1
        high = rest >> 14
        part = self._high.get(high)
        if part is None:
            if high <= 0:
                return varint(number)
            if len(self._high) >= TABLE:
                self._high.clear()
            part = self._high[high] = _sevens(high)
        return _LOW[rest & 16383] + part


def octets(content: bytes) -> bytes:
    """Encode bytes, or a text that is UTF-8 already."""
    length = len(content)
    return (LENGTHS[length] if length < TABLE else varint(length)) + content


def text(text: str) -> bytes:
    """Encode a text; `octets` once more, because a call in a call costs as much as the rest."""
    content = text.encode()
    length = len(content)
    return (LENGTHS[length] if length < TABLE else varint(length)) + content


class Remembered(Generic[Key, Made]):
    """What follows from a text that repeats; bounded in bytes, so that ever new texts cost time and no memory: the oldest quarter goes."""

    def __init__(self, make: Callable[[Key], Made], *, max_bytes: int = 2 << 20, max_key_bytes: int = 4096) -> None:
        self.known: dict[Key, Made] = {}
        self._make: Callable[[Key], Made] = make
        self._max_bytes = max_bytes
        self._max_key_bytes = max_key_bytes
        self._bytes = 0

    def make(self, key: Key) -> Made:
        """Make what is not known yet, and remember it."""
        made: Made = self._make(key)
        self.remember(key, made)
        return made

    def remember(self, key: Key, made: Made) -> None:
        """Remember what was made of a key, unless the key is long."""
        size = sum(map(sys.getsizeof, key)) if isinstance(key, tuple) else sys.getsizeof(key)
        if size <= self._max_key_bytes:
            self._bytes += size + 150 + sum(map(sys.getsizeof, made if isinstance(made, tuple) else (made,)))
            if self._bytes > self._max_bytes:
                self._forget()
            self.known[key] = made

    def _forget(self) -> None:
        """Forget what has been known longest; what is asked for again is made anew."""
        known = self.known
        going = list(islice(known, len(known) // 4 + 1))
        self._bytes -= self._bytes * len(going) // (len(known) + 1)
        for key in going:
            del known[key]
