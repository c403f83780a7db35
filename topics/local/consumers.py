"""The consumers of a local topic: the position that each has released, and its accounts."""

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


MAX_RECENT_ACCOUNTS = 300  # rewritten with each release; older accounts are in a file that is rarely written


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """The position that a consumer has released, and its part of the ledger."""

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
    """Return the file of the consumer with this name; raises TopicError if the name is not valid."""
    if not _NAME.fullmatch(name):
        raise TopicError(f"not a valid name of a consumer: {name!r}; use a to z, 0 to 9 and -, at most 64")
    return directory / "readers" / f"{name}.json"


def load_consumer(path: Path) -> ConsumerState | None:
    """Read a consumer's file; None if it is missing or damaged."""
    file = _read(path, _File)
    if file is None:
        return None
    return ConsumerState(file.position, _to_accounts(file.accounts), _to_accounts(_read(_past_path(path), _Accounts) or []))


def save_consumer(path: Path, state: ConsumerState) -> None:
    """Write a consumer's file atomically."""
    for folder in (path.parent.parent, path.parent):  # the consumer may start before the writer
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not durable: an older position, or none, only keeps more. The consumer's store has the authoritative position.
    write_whole(path, msgspec.json.encode(_File(state.position, _to_list(state.recent))), is_durable=False)


def with_release(
    path: Path, state: ConsumerState, position: int, changed: Mapping[Minute, Mapping[str, int]], oldest: int
) -> ConsumerState:
    """Replace the accounts that changed, drop the minutes before `oldest`, and write both with the position."""
    recent, past = state.recent, state.past
    if len(recent) + len(changed) > MAX_RECENT_ACCOUNTS:
        # The accounts that move are in a file already: whichever of the two files a crash leaves, both agree.
        recent, past = {}, _since(oldest, past | recent)
        write_whole(_past_path(path), msgspec.json.encode(_to_list(past)), is_durable=False)
    recent = _since(oldest, recent | {key: dict(counts) for key, counts in changed.items()})
    state = ConsumerState(position, recent, past)
    save_consumer(path, state)
    return state


def released_positions(directory: Path) -> dict[str, int]:
    """Return the position that each consumer has released; a consumer with an unreadable file keeps everything."""
    files = {path.stem: _read(path, _Position) for path in _consumer_files(directory)}
    return {name: file.position if file else 0 for name, file in files.items()}


def consumer_accounts(directory: Path) -> dict[str, Accounts]:
    """Return the part of the ledger that each consumer wrote."""
    states = {path.stem: load_consumer(path) for path in _consumer_files(directory)}
    return {name: state.past | state.recent for name, state in states.items() if state}


def _consumer_files(directory: Path) -> list[Path]:
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
