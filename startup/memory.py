"""The memory limit of a process."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(limit: Path = CGROUP_LIMIT) -> int:
    """Return the memory of the machine, or the limit of the container, in bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no limit, or `max`
        return min(machine, int(limit.read_text("ascii")))
    return machine
