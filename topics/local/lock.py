"""The lock that keeps a second writer out of a topic."""

import fcntl
import os
from pathlib import Path

from topics.topic import TopicInUse


def lock(path: Path, does: str = "writes to") -> int:
    """Acquire a lock and return its descriptor; the kernel releases it with the process. Raises TopicInUse, which names the holder."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise TopicInUse(f"{path.parent}: process {holder} {does} this topic; stop it, or use another directory") from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def unlock(fd: int) -> None:
    """Release a lock; -1 is ignored."""
    if fd >= 0:
        os.close(fd)
