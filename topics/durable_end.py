"""The file `end`: how far a local topic is durable, told by its writer and watched by its readers."""

import os
import struct
from pathlib import Path

from google_crc32c import value as crc32c

_END = struct.Struct("<QI")  # the position and its checksum: a reader may look while the writer writes
_LOOKS = 1000


class DurableEnd:
    """The durable end of one topic."""

    def __init__(self, directory: Path, *, create: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        self._fd = os.open(directory / "end", flags, 0o600)

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
