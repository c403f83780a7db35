"""How much of a disk is free, and how much of it has to stay so."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

MIN_RESERVE_BYTES: Final = 1 << 30
RESERVE_SHARE: Final = 20  # one part of so many of the disk
LOOK_SECONDS: Final = 1.0
LOOK_BYTES: Final = 1 << 20


class DiskSpace:
    """The reserve of the disk that a directory is on. The disk is asked once a second, and after every MiB that is written to it."""

    def __init__(self, directory: Path, reserve_bytes: int | None, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> None:
        self._directory, self._reserve_bytes, self._statvfs = directory, reserve_bytes, statvfs
        self._looked_at, self._written_bytes, self._shortage = float("-inf"), 0, ""

    def shortage(self, written_bytes: int = 0) -> str:
        """Return why nothing more should be written, empty when it may be; `written_bytes` were written since the last call."""
        self._written_bytes += written_bytes
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS or self._written_bytes >= LOOK_BYTES:
            self._looked_at, self._written_bytes = now, 0
            self._shortage = self._look()
        return self._shortage

    def _look(self) -> str:
        if self._reserve_bytes == 0:
            return ""
        try:
            disk = self._statvfs(self._directory)
        except OSError:  # who writes will see
            return ""
        free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        reserve = max(MIN_RESERVE_BYTES, whole // RESERVE_SHARE) if self._reserve_bytes is None else self._reserve_bytes
        return f"the disk is almost full: {free >> 20} MiB are free, {reserve >> 20} MiB are kept in reserve" if free < reserve else ""
