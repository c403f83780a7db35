"""The directories of a topic with several writers: its own, and in `spools/` a numbered one for each writer."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from topics.accounts import Accounts, add_accounts
from topics.ledger import Ledger, ReceivedCounts, load
from topics.local.consumers import consumer_accounts
from topics.local.lock import lock, unlock
from topics.local.log import REAL_DISK, SEGMENT_BYTES, Log
from topics.local.reader import LocalReader, tail
from topics.local.recovery import Recovered, count_messages
from topics.topic import TopicInUse

FOLDER: Final = "spools"


def spool_path(directory: Path, number: int) -> Path:
    """Return the directory of the spool with this number."""
    return directory / FOLDER / str(number)


def spool_paths(directory: Path) -> dict[str, Path]:
    """Return a topic's own directory under the name "", and those of its spools by number."""
    numbers = sorted(int(path.name) for path in (directory / FOLDER).glob("*") if path.name.isascii() and path.name.isdigit())
    return {"": directory} | {str(number): spool_path(directory, number) for number in numbers}


class SpoolConsumers:
    """The consumers of one name in all directories of a topic; each call adds those of new spools."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self._readers: dict[str, LocalReader] = {}

    def __call__(self) -> Mapping[str, LocalReader]:
        for number, path in spool_paths(self._directory).items():
            if number not in self._readers:
                self._readers[number] = LocalReader.open(path, self._name)
        return self._readers

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()


def spool_accounts(directory: Path) -> dict[str, Accounts]:
    """Return the part of the ledger that each consumer wrote, over all directories of a topic."""
    found: dict[str, Accounts] = {}
    for path in spool_paths(directory).values():
        for consumer, accounts in consumer_accounts(path).items():
            add_accounts(found.setdefault(consumer, {}), accounts)
    return found


def received(path: Path) -> ReceivedCounts:
    """Count the durable messages of a topic by minute and source, from its files; the topic may have a writer."""
    ledger, position = load(path / "ledger.json") or (Ledger(), 0)
    reader = tail(path)
    try:
        count_messages(path, ledger, position, reader.position)
    finally:
        reader.close()
    return ledger.minutes


def clean_up(path: Path) -> Recovered | None:
    """Recover a spool without a writer; None if it has a writer, or never had one."""
    if not has_writer(path):
        return None
    try:
        lock_fd = lock(path / "lock")
    except TopicInUse:
        return None
    try:
        return recover_spool(path)
    finally:
        unlock(lock_fd)


def recover_spool(path: Path) -> Recovered:
    """Recover the files, count their messages, and delete what the consumers have passed, as a writer does at start and end."""
    log = Log(path, SEGMENT_BYTES, REAL_DISK, time.time)
    log.close(is_sound=True)
    return log.recovered


def has_writer(path: Path) -> bool:
    """Whether a topic has, or once had, a writer."""
    return (path / "end").exists()
