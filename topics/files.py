"""Small files that are either whole or not there, and the lock that keeps a second writer out."""

import fcntl
import os
from pathlib import Path

from topics.topic import TopicInUse


def write_whole(path: Path, content: bytes, *, is_durable: bool = True) -> None:
    """Put the content in place of the file: whoever reads it, and the next process after a crash, has the old one or the new one.

    After a power cut too, if durable; else an older one, or one that cannot be read.
    """
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in the directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock(path: Path, does: str = "writes to") -> int:
    """Take a lock and give its descriptor; the kernel drops it with the process. Raises TopicInUse, which says what the other one does."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise TopicInUse(f"{path.parent}: process {holder} {does} this topic; stop it, or give this one another directory") from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def unlock(fd: int) -> None:
    """Let go of a lock; nothing happens for -1."""
    if fd >= 0:
        os.close(fd)
