"""The lock that keeps a second writer out of a topic."""

import os
from pathlib import Path

from startup.lock_file import LockHeld, acquire
from topics.topic import TopicInUse


def lock(path: Path, does: str = "writes to") -> int:
    """Acquire a lock and return its descriptor; the kernel releases it with the process. Raises TopicInUse, which names the holder."""
    try:
        return acquire(path)
    except LockHeld as holder:
        raise TopicInUse(f"{path.parent}: process {holder} {does} this topic; stop it, or use another directory") from holder


def unlock(fd: int) -> None:
    """Release a lock; -1 is ignored."""
    if fd >= 0:
        os.close(fd)
