"""Keeps one secret in a file that only its owner can read."""

import os
import secrets
from pathlib import Path


def read_or_create(path: Path) -> str:
    """Give the secret in a file, made on first use; never an empty one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(24))
    return _read(path)


def _read(path: Path) -> str:
    secret = path.read_text("utf-8").strip()
    if not secret:
        raise ValueError(f"{path} is empty: write the secret into it, or delete it to have a new one made.")
    return secret
