"""Files that only their owner can read, written so that they are either whole or not there."""

import os
from pathlib import Path

OTHERS = 0o077  # the rights of everybody but the owner


def keep_private() -> None:
    """Make whatever this process and its children create from here on readable by their own user only."""
    os.umask(OTHERS)


def close_folder(path: Path) -> None:
    """Make a folder that is its owner's alone; one that others could read is closed, with all that is in it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _close(path):
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                _close(Path(folder, name))


def _close(path: Path) -> bool:
    """Take all rights from others; return whether they had any. A link has no rights of its own."""
    try:
        mode = path.lstat().st_mode & 0o7777
        is_open = bool(mode & OTHERS) and not path.is_symlink()
        if is_open:
            path.chmod(mode & ~OTHERS)
    except (FileNotFoundError, PermissionError):
        return False  # just removed; or another user's, as a volume that was given to a group: what is written there is closed all the same
    return is_open


def close_file(path: Path) -> None:
    """Take the rights of others from a file, if it is there."""
    _close(path)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, is_durable: bool = True) -> None:
    """Put the content in place of the file: whoever reads it, and the next process after a crash, has the old one or the new one.

    After a power cut too, if durable; else an older one, or one that cannot be read.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # left by a crash; or a link, or a file that somebody else has open, in a folder that others write to
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)  # whatever the umask
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
