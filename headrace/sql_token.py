"""The token of the SQL port: `headrace up` reads its file from the environment, all other commands from run.json."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from headrace.errors import CommandError
from startup.secret_file import TOKEN, Form, SecretError, read_or_make_secret, read_secret

VARIABLE: Final = "HEADRACE_MINIDRUID_TOKEN_FILE"


def token_file() -> Path | None:
    """Return the token file from the environment, if it is set."""
    name = os.environ.get(VARIABLE)
    return Path(name).resolve() if name else None


def read_token(file: str | Path | None) -> str:
    """Return the token in a file, or an empty text if there is no file; raises CommandError."""
    return _token(read_secret, file) if file else ""


def make_token(file: Path | None) -> None:
    """Create the token unless its file exists; raises CommandError."""
    if file:
        _token(read_or_make_secret, file)


def _token(get: Callable[[Path, Form], str], file: str | Path) -> str:
    try:
        return get(Path(file), TOKEN)
    except SecretError as error:
        raise CommandError(str(error)) from error
