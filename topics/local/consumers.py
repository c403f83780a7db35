"""The registered readers of a local topic: how far each has come, and what it made of the messages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

from startup.atomic_files import write_whole
from topics.accounts import Accounts
from topics.ledger import Minute
from topics.topic import TopicError

_Content = TypeVar("_Content")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


RECENT = 300  # so many accounts are written anew with each release; the others stand in a file that is seldom written


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """What a reader has released, and its half of the ledger."""

    position: int = 0
    recent: Accounts = field(default_factory=dict)
    past: Accounts = field(default_factory=dict)


_Accounts: TypeAlias = list[tuple[int, str, dict[str, int]]]


class _Position(msgspec.Struct, frozen=True):
    position: int


class _File(msgspec.Struct, frozen=True):
    position: int
    accounts: _Accounts


def consumer_path(directory: Path, name: str) -> Path:
    """Give the file of the reader with this name."""
    if not _NAME.fullmatch(name):
        raise TopicError(f"a reader's name is made of a to z, 0 to 9 and -, at most 64; {name!r} is not")
    return directory / "readers" / f"{name}.json"


def load_consumer(path: Path) -> ConsumerState | None:
    """Read a reader's file; None when there is none that can be read."""
    file = _read(path, _File)
    if file is None:
        return None
    return ConsumerState(file.position, _to_accounts(file.accounts), _to_accounts(_read(_past_path(path), _Accounts) or []))


def save_consumer(path: Path, state: ConsumerState) -> None:
    """Write a reader's file, whole or not at all."""
    for folder in (path.parent.parent, path.parent):  # the reader may come before the writer
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not durable: an older position or none only keeps more, and whoever commits elsewhere knows its position from there.
    write_whole(path, msgspec.json.encode(_File(state.position, _to_list(state.recent))), is_durable=False)


def with_release(path: Path, state: ConsumerState, position: int, news: Mapping[Minute, Mapping[str, int]], oldest: int) -> ConsumerState:
    """Put the new counts of each minute in place of the old ones, and forget the minutes before `oldest`."""
    recent, past = state.recent, state.past
    if len(recent) + len(news) > RECENT:
        # What moves is written already: whatever a crash leaves of the two files, they say the same.
        recent, past = {}, _since(oldest, past | recent)
        write_whole(_past_path(path), msgspec.json.encode(_to_list(past)), is_durable=False)
    recent = _since(oldest, recent | {key: dict(counts) for key, counts in news.items()})
    state = ConsumerState(position, recent, past)
    save_consumer(path, state)
    return state


def released_positions(directory: Path) -> dict[str, int]:
    """Give how far each registered reader has come; one whose file cannot be read keeps everything."""
    files = {path.stem: _read(path, _Position) for path in _reader_files(directory)}
    return {name: file.position if file else 0 for name, file in files.items()}


def consumer_accounts(directory: Path) -> dict[str, Accounts]:
    """Give the half of the ledger that each registered reader wrote."""
    states = {path.stem: load_consumer(path) for path in _reader_files(directory)}
    return {name: state.past | state.recent for name, state in states.items() if state}


def _reader_files(directory: Path) -> list[Path]:
    return sorted((directory / "readers").glob("*.json"))


def _past_path(path: Path) -> Path:
    return path.with_suffix(".accounts")


def _read(path: Path, kind: type[_Content]) -> _Content | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, ValueError):  # msgspec's errors are ValueErrors
        return None


def _since(oldest: int, accounts: Accounts) -> Accounts:
    return {key: counts for key, counts in accounts.items() if key[0] >= oldest}


def _to_list(accounts: Accounts) -> _Accounts:
    return [(*key, counts) for key, counts in accounts.items()]


def _to_accounts(accounts: _Accounts) -> Accounts:
    return {(minute, source): counts for minute, source, counts in accounts}
