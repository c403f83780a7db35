"""A secret in a file of its own: made once, whole and closed to others from its first byte, refused unless it has the right form."""

import fcntl
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from startup.files import write_whole

MAX_BYTES: Final = 4096


class SecretError(Exception):
    """A secret cannot be read or is not a valid one; the text says which, why, and what would be right."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind of secret looks like, and how a new one is made."""

    pattern: str
    description: str
    make: Callable[[], str] = str  # others' secrets cannot be made here


KEY: Final = Form("(?:[0-9A-Fa-f]{2}){32,64}", "64 hexadecimal digits", lambda: secrets.token_hex(32))
TOKEN: Final = Form("[!-~]{32,1024}", "32 or more printable characters without blanks", lambda: secrets.token_urlsafe(32))
CREDENTIALS: Final = Form(r"[^\s:\x00-\x1f\x7f]+:[^\x00-\x1f\x7f]+", "one line, user:password")
PASSWORD: Final = Form(
    r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{6,1022}[^\s\x00-\x1f\x7f]", "8 or more characters on one line", lambda: secrets.token_urlsafe(24)
)


def read_secret(path: Path, form: Form, remedy: str = "") -> str:
    """Read a secret, without blanks around it; raises SecretError, with this remedy beside that of writing a valid one."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{path}: cannot be read: {error.strerror}") from error
    found = content.decode("utf-8", "replace").strip()
    if len(content) > MAX_BYTES or "\ufffd" in found or not re.fullmatch(form.pattern, found):
        fault = f"{len(found)} characters of another form" if found else "the file is empty"
        raise SecretError(f"{path}: not a valid secret: {fault}; write {form.description} into it{remedy}")
    return found


def read_or_make_secret(path: Path, form: Form) -> str:
    """Read a secret, which is made at first use; raises SecretError. Of several processes one makes it, the others read that one."""
    try:
        make_secret(path, form)
    except OSError as error:
        raise SecretError(f"{path}: cannot be made: {error.strerror}") from error
    return read_secret(path, form, ", or delete it to have a new one made")


def make_secret(path: Path, form: Form, mode: int = 0o600) -> bool:
    """Make a secret that is missing; return whether it was. Raises OSError."""
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if path.exists():
            return False
        write_whole(path, form.make().encode(), mode=mode)
    finally:
        os.close(folder)
    return True
