"""Files that only their owner can read, written atomically."""

import os
from pathlib import Path

OTHERS = 0o077  # the permissions of everybody but the owner


def keep_private() -> None:
    """Make all files that this process and its children create private to their user."""
    os.umask(OTHERS)


def close_folder(path: Path) -> None:
    """Create a private folder; make an existing one, with its content, private to its owner."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _close(path):
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                _close(Path(folder, name))


def _close(path: Path) -> bool:
    """Remove all permissions of others; return whether they had any. A link has no permissions."""
    try:
        mode = path.lstat().st_mode & 0o7777
        is_open = bool(mode & OTHERS) and not path.is_symlink()
        if is_open:
            path.chmod(mode & ~OTHERS)
    except (FileNotFoundError, PermissionError):
        return False  # just removed, or another user's, such as a volume of a group; new files in it are private anyway
    return is_open


def close_file(path: Path) -> None:
    """Remove the permissions of others from a file, if it exists."""
    _close(path)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, is_durable: bool = True) -> None:
    """Replace the file atomically: a reader, and the next process after a crash, gets the old or the new content.

    If durable, this also holds after a power cut; otherwise the file may then have older or unreadable content.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # left by a crash; or a link, or a file of another program, in a shared folder
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
    """Make the entries of the directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
