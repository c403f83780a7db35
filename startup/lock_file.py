"""A file whose lock one process holds at a time; it contains the id of this process."""

import fcntl
import os
from pathlib import Path


class LockHeld(Exception):
    """Another process holds the lock; the text is its id, or `unknown`."""


def acquire(path: Path) -> int:
    """Acquire the lock and return its descriptor; the kernel releases it with the process. Raises LockHeld."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise LockHeld(holder) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
