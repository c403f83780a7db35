"""The segments of a local topic: files named for the position of their first byte, read in order and past damage."""

import os
import re
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path

from google_crc32c import value as crc32c

from startup.atomic_files import sync_directory, write_whole
from topics.local.frame import claimed_bytes, decode, find_frame
from topics.topic import Damage, Entry, TopicError

HEADER_BYTES = 16
VERSION = 1
CHUNK_BYTES = 1 << 20
MAX_READ_BYTES = 1 << 24  # one read returns no more, however many messages were requested
_MAGIC = b"headrace"
_NAME = re.compile(r"(\d{20})\.segment")


def segment_path(directory: Path, base: int) -> Path:
    """Return the file of the segment whose first byte has this position."""
    return directory / f"{base:020d}.segment"


def segment_bases(directory: Path) -> list[int]:
    """Return the positions of the first bytes of all segments, in order."""
    return sorted(int(match[1]) for path in directory.iterdir() if (match := _NAME.fullmatch(path.name)))


def header() -> bytes:
    """Return the first bytes of a segment: a name, the version of the format, a checksum."""
    start = _MAGIC + VERSION.to_bytes(4, "little")
    checksum: int = crc32c(start)
    return start + checksum.to_bytes(4, "little")


def create_segment(directory: Path, base: int) -> int:
    """Create an empty segment with a durable name, and return its descriptor."""
    fd = os.open(segment_path(directory, base), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        sync_directory(directory)
    except OSError:
        os.close(fd)
        segment_path(directory, base).unlink(missing_ok=True)
        raise
    return fd


def set_aside(directory: Path, damage: Damage) -> None:
    """Copy damaged bytes to a separate file, because their segment will be deleted."""
    folder = directory / "damaged"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{damage.position:020d}"
    if not path.exists():
        with suppress(FileExistsError, FileNotFoundError):  # another consumer does the same
            write_whole(path, damage.content)


class SegmentReader:
    """Reads the entries between a position and a limit; the caller knows that everything before the limit is synced."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._base, self._fd = -1, -1
        self._chunk, self._chunk_at = b"", 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._base, self._fd, self._chunk = -1, -1, b""

    def read(self, position: int, limit: int, max_messages: int) -> list[Entry | Damage]:
        """Return the entries from `position` on; skip deleted segments, and report damage."""
        found: list[Entry | Damage] = []
        bases = segment_bases(self._directory)
        while position < limit and len(found) < max_messages and (not found or position - found[0].position < MAX_READ_BYTES):
            index = max(0, bisect_right(bases, position) - 1)
            if not bases or bases[index] >= limit:
                break
            stop = min(bases[index + 1], limit) if index + 1 < len(bases) else limit
            try:
                self._open(bases[index])
            except FileNotFoundError:  # deleted since the listing, like all before it
                del bases[index]
                continue
            position = self._after_header(max(position, self._base))
            if position < stop:
                found += self._decode(position, stop, max_messages - len(found)) or [self._damage(position, stop)]
                position = found[-1].next_position
        return found

    def _open(self, base: int) -> None:
        if base != self._base:
            self.close()
            self._fd = os.open(segment_path(self._directory, base), os.O_RDONLY)
            self._base = base

    def _after_header(self, position: int) -> int:
        if position - self._base >= HEADER_BYTES:
            return position
        found = os.pread(self._fd, HEADER_BYTES, 0)
        if found == header():
            return self._base + HEADER_BYTES
        if found.startswith(_MAGIC) and crc32c(found[:-4]) == int.from_bytes(found[-4:], "little"):
            path = segment_path(self._directory, self._base)
            version = int.from_bytes(found[len(_MAGIC) : -4], "little")
            raise TopicError(f"{path} has format version {version}, this headrace reads version {VERSION}; use a newer headrace")
        return position  # not a valid frame, so the header is reported as damage

    def _decode(self, position: int, stop: int, max_messages: int) -> list[Entry]:
        offset = position - self._chunk_at
        if 0 <= offset < len(self._chunk) and (entries := decode(self._chunk, offset, self._chunk_at, max_messages)):
            return entries
        wanted = CHUNK_BYTES
        while True:
            self._chunk = os.pread(self._fd, min(wanted, stop - position), position - self._base)
            self._chunk_at = position
            claimed = claimed_bytes(self._chunk, 0)
            if claimed <= len(self._chunk) or claimed > stop - position or len(self._chunk) < min(wanted, stop - position):
                return decode(self._chunk, 0, position, max_messages)
            wanted = claimed

    def _damage(self, position: int, stop: int) -> Damage:
        rest = os.pread(self._fd, stop - position, position - self._base)
        if (offset := find_frame(rest, 1)) is not None:
            return Damage(position, position + offset, rest[:offset], "not a valid frame")
        missing = stop - position - len(rest)
        return Damage(position, stop, rest, f"{missing} bytes are missing" if missing else "not a valid frame")
