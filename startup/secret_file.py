"""Secrets in files: generated once, written atomically, readable by their owner only, and validated when they are read."""

import fcntl
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from startup.atomic_files import write_whole

MAX_BYTES: Final = 4096


class SecretError(Exception):
    """A secret that cannot be read or is not valid; the text has the path, the reason and the fix."""


@dataclass(frozen=True, slots=True)
class Form:
    """The format of a kind of secret, and the function that generates one."""

    pattern: str
    description: str
    make: Callable[[], str] = str  # passwords of other systems are never generated


KEY: Final = Form("(?:[0-9A-Fa-f]{2}){32,64}", "64 hexadecimal digits", lambda: secrets.token_hex(32))
TOKEN: Final = Form("[!-~]{32,1024}", "32 or more printable characters without blanks", lambda: secrets.token_urlsafe(32))
CREDENTIALS: Final = Form(r"[^\s:\x00-\x1f\x7f]+:[^\x00-\x1f\x7f]+", "one line, user:password")
PASSWORD: Final = Form(
    r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{6,1022}[^\s\x00-\x1f\x7f]", "8 or more characters on one line", lambda: secrets.token_urlsafe(24)
)


def read_secret(path: Path, form: Form, remedy: str = "") -> str:
    """Read a secret without surrounding whitespace; raises SecretError, whose message ends with the remedy."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{path}: cannot be read: {error.strerror}") from error
    found = content.decode("utf-8", "replace").strip()
    if len(content) > MAX_BYTES or "\ufffd" in found or not re.fullmatch(form.pattern, found):
        fault = f"{len(found)} characters in another format" if found else "the file is empty"
        raise SecretError(f"{path}: not a valid secret: {fault}; write {form.description} into it{remedy}")
    return found


def read_or_make_secret(path: Path, form: Form) -> str:
    """Read a secret, or generate it at first use; raises SecretError. If several processes do so at once, all get the same one."""
    try:
        make_secret(path, form)
    except OSError as error:
        raise SecretError(f"{path}: cannot be made: {error.strerror}") from error
    return read_secret(path, form, ", or delete it to generate a new one")


def make_secret(path: Path, form: Form, mode: int = 0o600) -> bool:
    """Generate a secret if the file is missing; return whether it was. Raises OSError."""
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
