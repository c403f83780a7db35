"""Checks of file modes."""

import stat
from contextlib import suppress
from pathlib import Path


def open_to_others(folder: Path) -> list[str]:
    """Return the paths that others have permissions for, with their modes."""
    found: list[str] = []
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # a file is replaced while it is looked at
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077:
                found.append(f"{path} {mode:o}")
    return found
