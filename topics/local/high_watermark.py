"""The files `end` and `forwarded`: how far a local topic is durable, or on Kafka, told by one process and watched by others."""

import os
import struct
from pathlib import Path

from google_crc32c import value as crc32c

_END = struct.Struct("<QI")  # the position and its checksum: a reader may look while the writer writes
_LOOKS = 1000


class HighWatermark:
    """The end of what is durable of one topic; its name says where."""

    def __init__(self, directory: Path, name: str = "end", *, create: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        self._fd = os.open(directory / name, flags, 0o600)

    def read(self) -> int:
        """Give the position; 0 when there is none that checks."""
        for _ in range(_LOOKS):
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
