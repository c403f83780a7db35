"""The registered readers of a local topic: how far each has come, and what it made of the messages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec

from topics.files import sync_directory, write_whole
from topics.topic import TopicError

Accounts: TypeAlias = dict[tuple[int, str], dict[str, int]]  # (minute as milliseconds since 1970, source) to counts by name

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(slots=True)
class ReaderState:
    """What a reader has released, and its half of the ledger."""

    position: int = 0
    accounts: Accounts = field(default_factory=dict)


class _Position(msgspec.Struct, frozen=True):
    position: int


class _File(msgspec.Struct, frozen=True):
    position: int
    accounts: list[tuple[int, str, dict[str, int]]]


def reader_path(directory: Path, name: str) -> Path:
    """Give the file of the reader with this name."""
    if not _NAME.fullmatch(name):
        raise TopicError(f"a reader's name is made of a to z, 0 to 9 and -, at most 64; {name!r} is not")
    return directory / "readers" / f"{name}.json"


def load_reader(path: Path) -> ReaderState | None:
    """Read a reader's file; None when there is none that can be read."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except (FileNotFoundError, ValueError):  # msgspec's errors are ValueErrors
        return None
    return ReaderState(file.position, {(minute, source): counts for minute, source, counts in file.accounts})


def save_reader(path: Path, state: ReaderState) -> None:
    """Write a reader's file, whole or not at all."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(path.parent.parent)
    write_whole(path, msgspec.json.encode(_File(state.position, [(*key, dict(counts)) for key, counts in state.accounts.items()])))


def released_positions(directory: Path) -> dict[str, int]:
    """Give how far each registered reader has come; one whose file cannot be read keeps everything."""
    return {path.stem: _released(path) for path in _reader_files(directory)}


def reader_accounts(directory: Path) -> dict[str, Accounts]:
    """Give the half of the ledger that each registered reader wrote."""
    states = {path.stem: load_reader(path) for path in _reader_files(directory)}
    return {name: state.accounts for name, state in states.items() if state}


def merged(accounts: Accounts, news: Mapping[tuple[int, str], Mapping[str, int]], oldest_minute: int) -> Accounts:
    """Put the new counts of each minute in place of the old ones, without the minutes before `oldest_minute`."""
    both = accounts | {key: dict(counts) for key, counts in news.items()}
    return {key: counts for key, counts in both.items() if key[0] >= oldest_minute}


def _reader_files(directory: Path) -> list[Path]:
    return sorted((directory / "readers").glob("*.json"))


def _released(path: Path) -> int:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Position).position
    except (FileNotFoundError, ValueError):
        return 0
