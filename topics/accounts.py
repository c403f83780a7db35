"""Accounts: the outcomes of messages by minute and source. The terms of the ledger are defined here, once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

from topics.ledger import MINUTE_MS, Minute
from topics.topic import Message


@dataclass(slots=True)
class Account:
    """The outcomes of the messages of one minute and one source."""

    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    dead_letters: int = 0
    deleted: int = 0  # a part of stored

    def add(self, other: "Account") -> None:
        """Add the counts of another account."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTS = tuple(field.name for field in fields(Account))
STORED, DUPLICATES, REJECTED, DEAD_LETTERS, DELETED = COUNTS
OUTCOMES = (STORED, DUPLICATES, REJECTED, DEAD_LETTERS)  # each message counts for one of them

DUPLICATE = "duplicate"  # the reject reason that counts as a duplicate, not as rejected
DUPLICATE_KEY = DUPLICATE.encode()
ACCOUNT = "account"  # begins the key of a converter's account in the ledger on Kafka; DELETED begins that of rows deleted later
OWN = "forwarder_"  # prefix of the forwarder's own part of a count, with which its next run continues

Counts: TypeAlias = dict[str, int]  # by name
Accounts: TypeAlias = dict[Minute, Counts]


def account_of(rejection: Message) -> tuple[int, str, str]:
    """Return the minute, the source and the name that a rejection counts for."""
    return minute_of(rejection), rejection.source, DUPLICATES if rejection.key == DUPLICATE_KEY else REJECTED


def minute_of(message: Message) -> int:
    """Return the minute that a message counts for."""
    return message.received_at - message.received_at % MINUTE_MS


def add_accounts(total: Accounts, more: Mapping[Minute, Mapping[str, int]]) -> None:
    """Add accounts to a total, minute by minute and name by name."""
    for minute, counts in more.items():
        add_counts(total.setdefault(minute, {}), counts)


def add_counts(total: Counts, more: Mapping[str, int]) -> None:
    """Add counts to a total, name by name."""
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


class MergedAccounts:
    """The accounts of a spool on its way to Kafka: the forwarder's own plus the converter's, and which of them changed."""

    def __init__(self, released: Mapping[Minute, Mapping[str, int]]) -> None:
        self._own = {minute: Counter({name: counts.get(OWN + name, 0) for name in COUNTS}) for minute, counts in released.items()}
        self._converted = {
            minute: Counter({name: counts.get(name, 0) - self._own[minute][name] for name in COUNTS}) for minute, counts in released.items()
        }
        self._changed: dict[Minute, None] = {}

    def add(self, counts: Mapping[tuple[int, str, str], int]) -> None:
        """Add the forwarder's own counts, by minute, source and name."""
        for (minute, source, name), count in counts.items():
            self._own.setdefault((minute, source), Counter())[name] += count
            self._changed[minute, source] = None

    def put_converted(self, converted: Mapping[Minute, Mapping[str, int]]) -> None:
        """Replace the converter's accounts of some minutes."""
        for minute, counts in converted.items():
            self._converted[minute] = Counter(counts)
            self._changed[minute] = None

    def changed(self) -> Accounts:
        """Return the accounts that changed since the last `mark_released`."""
        return {minute: self._counts(minute) for minute in self._changed}

    def mark_released(self, oldest_minute: int) -> None:
        """Mark what `changed` returned as released, and drop the minutes before `oldest_minute`."""
        self._changed.clear()
        for accounts in (self._own, self._converted):
            for minute in [minute for minute in accounts if minute[0] < oldest_minute]:
                del accounts[minute]

    def _counts(self, minute: Minute) -> Counts:
        own, converted = self._own.get(minute, Counter()), self._converted.get(minute, Counter())
        return {name: own[name] + converted[name] for name in COUNTS} | {OWN + name: own[name] for name in COUNTS if own[name]}
