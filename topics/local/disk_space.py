"""The free space of a disk, and the reserve that must stay free."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

MIN_RESERVE_BYTES: Final = 1 << 30
RESERVE_SHARE: Final = 20  # one part in 20 of the disk
CHECK_INTERVAL_SECONDS: Final = 1.0
CHECK_INTERVAL_BYTES: Final = 1 << 20


class DiskSpace:
    """The reserve of the disk that holds a directory; checked once a second, and after each MiB that is written."""

    def __init__(self, directory: Path, reserve_bytes: int | None, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> None:
        self._directory, self._reserve_bytes, self._statvfs = directory, reserve_bytes, statvfs
        self._checked_at, self._written_bytes, self._shortage = float("-inf"), 0, ""

    def shortage(self, written_bytes: int = 0) -> str:
        """Return the reason to write nothing more, or an empty text; `written_bytes` were written since the last call."""
        self._written_bytes += written_bytes
        now = time.monotonic()
        if now - self._checked_at >= CHECK_INTERVAL_SECONDS or self._written_bytes >= CHECK_INTERVAL_BYTES:
            self._checked_at, self._written_bytes = now, 0
            self._shortage = self._check()
        return self._shortage

    def _check(self) -> str:
        if self._reserve_bytes == 0:
            return ""
        try:
            disk = self._statvfs(self._directory)
        except OSError:  # the next write reports it
            return ""
        free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        reserve = max(MIN_RESERVE_BYTES, whole // RESERVE_SHARE) if self._reserve_bytes is None else self._reserve_bytes
        return f"the disk is almost full: {free >> 20} MiB are free, {reserve >> 20} MiB are kept in reserve" if free < reserve else ""
