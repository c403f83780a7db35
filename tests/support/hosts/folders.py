"""Folders of the test hosts: what can be used again by the next run, and what belongs to one run."""

import hashlib
import os
import shutil
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
CACHE: Final = PROJECT / "var-hosts" / "cache"
# Several runs can share a machine, each with another number: networks, hosts, images and folders are then its own.
BED: Final = int(os.environ.get("HEADRACE_TEST_BED", "0"))
SUFFIX: Final = str(BED or "")
RUN: Final = PROJECT / "var-hosts" / f"run{SUFFIX}"
HERE: Final = Path(__file__).parent


def cached(name: str, recipe: bytes, make: Callable[[Path], object]) -> Path:
    """Return the folder in the cache that `make` creates, once per recipe; a run that is killed leaves no unfinished one."""
    folder = CACHE / f"{name}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)  # another run may make it
        if not folder.is_dir():
            unfinished = folder.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(folder)
    return folder
