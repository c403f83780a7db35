"""The files `end` and `forwarded`: the position before which a topic is durable, or on Kafka. One process writes it, others poll it."""

import os
import struct
from pathlib import Path

from google_crc32c import value as crc32c

_END = struct.Struct("<QI")  # the position and its checksum: a reader may see half of a write
_MAX_ATTEMPTS = 1000


class HighWatermark:
    """A position in a file: everything before it is durable, or on Kafka."""

    def __init__(self, directory: Path, name: str = "end", *, create: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        self._fd = os.open(directory / name, flags, 0o600)

    def read(self) -> int:
        """Return the position; 0 if the file has none with a valid checksum."""
        for _ in range(_MAX_ATTEMPTS):
            content = os.pread(self._fd, _END.size, 0)
            if len(content) < _END.size:
                break
            position: int
            position, checksum = _END.unpack(content)
            if crc32c(content[:8]) == checksum:
                return position
        return 0

    def write(self, position: int) -> None:
        content = position.to_bytes(8, "little")
        os.pwrite(self._fd, content + crc32c(content).to_bytes(4, "little"), 0)

    def close(self) -> None:
        os.close(self._fd)
