"""`headrace secrets`: makes each secret that docker-compose.yml reads, where it is missing."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from headrace.errors import CommandError

FOLDER: Final = Path("secrets")


def _password() -> str:
    return secrets.token_urlsafe(24)


SECRETS: Final[Mapping[str, Callable[[], str]]] = {
    "partition-key": lambda: secrets.token_hex(32),
    "druid-metadata-password": _password,
    "superset-metadata-password": _password,
    "superset-secret-key": lambda: secrets.token_urlsafe(48),
    "dashboards-password": _password,
}


def make_secrets(folder: Path, console: Console) -> None:
    """Write what is missing and say so; what is there is never touched. Raises CommandError where the folder cannot be used.

    The folder is its owner's alone. The files in it are not: a container sees them with the modes they have here, as a user of its own.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        made = [name for name, make in SECRETS.items() if _write(folder / name, make())]
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}; give another folder with --folder, or mend it") from error
    for name in SECRETS:
        console.print(f"{folder / name}: {'made' if name in made else 'was there'}", highlight=False, soft_wrap=True)


def _write(path: Path, value: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, 0o444)
        file.write(value)
    return True
