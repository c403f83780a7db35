"""`headrace secrets`: makes each secret that docker-compose.yml reads, where it is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from headrace.errors import CommandError
from startup.secret_file import KEY, PASSWORD, TOKEN, Form, SecretError, make_secret, read_secret

FOLDER: Final = Path("secrets")


SECRETS: Final[Mapping[str, Form]] = {
    "partition-key": KEY,
    "druid-metadata-password": PASSWORD,
    "superset-metadata-password": PASSWORD,
    "superset-secret-key": TOKEN,
    "dashboards-password": PASSWORD,
}
MODE: Final = 0o444


def make_secrets(folder: Path, console: Console) -> None:
    """Make what is missing and report it; what is there is never touched. Raises CommandError for what cannot be used.

    The folder is its owner's alone. The files in it are not: a container sees them with the modes they have here, as a user of its own.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        made = [name for name, form in SECRETS.items() if make_secret(folder / name, form, MODE)]
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}; give another folder with --folder, or mend it") from error
    for name in SECRETS:
        console.print(f"{folder / name}: {'made' if name in made else 'was there'}", highlight=False, soft_wrap=True)
    try:
        for name, form in SECRETS.items():
            read_secret(folder / name, form, ", or delete it and run this again")
    except SecretError as error:
        raise CommandError(str(error)) from error
