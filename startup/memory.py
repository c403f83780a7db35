"""How much memory a process may have."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(limit: Path = CGROUP_LIMIT) -> int:
    """Return the bytes of memory that the machine has, or its container may have."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # there is none, or it is `max`
        return min(machine, int(limit.read_text("ascii")))
    return machine
