"""`headrace secrets`: creates each missing secret of docker-compose.yml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from headrace.errors import CommandError
from startup.secret_file import KEY, PASSWORD, TOKEN, Form, SecretError, make_secret, read_secret

SECRETS: Final[Mapping[str, Form]] = {
    "partition-key": KEY,
    "druid-metadata-password": PASSWORD,
    "superset-metadata-password": PASSWORD,
    "superset-secret-key": TOKEN,
    "dashboards-password": PASSWORD,
}
MODE: Final = 0o444


def make_secrets(folder: Path, console: Console) -> None:
    """Create the missing secrets and list all; raises CommandError if one is invalid. Existing secrets never change.

    The folder is private to its owner. The files in it are not: a container reads them with these modes, as another user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        made = [name for name, form in SECRETS.items() if make_secret(folder / name, form, MODE)]
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}; fix that, or select another folder with --folder") from error
    for name in SECRETS:
        console.print(f"{folder / name}: {'created' if name in made else 'exists'}", highlight=False, soft_wrap=True)
    try:
        for name, form in SECRETS.items():
            read_secret(folder / name, form, ", or delete it and run this again")
    except SecretError as error:
        raise CommandError(str(error)) from error
