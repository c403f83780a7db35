"""The accounts that a forwarder tells its spool: its own, and the converter's as Kafka's ledger has them."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from topics.ledger import MINUTE_MS, Minute
from topics.topic import Message

Counts: TypeAlias = Mapping[str, int]

STORED = "stored"
OUTCOMES = (STORED, "duplicates", "rejected", "dead_letters")  # what becomes of a message: each counts for one of them
DELETED = "deleted"  # of the rows that were stored
COUNTS = (*OUTCOMES, DELETED)
ACCOUNT = "account"  # begins the key of a converter's sums in the ledger on Kafka, as DELETED does that of rows deleted since
OWN = "forwarder_"  # before a name: what of that count is the forwarder's, so that its next run can go on with it


REJECTED_AS_DUPLICATE = b"duplicate"


def account_of(rejection: Message) -> tuple[int, str, str]:
    """Give the minute, the source and the name that a rejection counts for."""
    return minute_of(rejection), rejection.source, "duplicates" if rejection.key == REJECTED_AS_DUPLICATE else "rejected"


def minute_of(message: Message) -> int:
    """Give the minute that a message counts for."""
    return message.received_at - message.received_at % MINUTE_MS


class Accounts:
    """Sums by minute and source, and which of them changed since they were last told."""

    def __init__(self, told: Mapping[Minute, Counts]) -> None:
        self._own = {minute: Counter({name: counts.get(OWN + name, 0) for name in COUNTS}) for minute, counts in told.items()}
        self._converted = {
            minute: Counter({name: counts.get(name, 0) - self._own[minute][name] for name in COUNTS}) for minute, counts in told.items()
        }
        self._changed: dict[Minute, None] = {}

    def add(self, counts: Mapping[tuple[int, str, str], int]) -> None:
        """Add what the forwarder itself dealt with, by minute, source and name."""
        for (minute, source, name), count in counts.items():
            self._own.setdefault((minute, source), Counter())[name] += count
            self._changed[minute, source] = None

    def put_converted(self, news: Mapping[Minute, Counts]) -> None:
        """Put the converter's sums of some minutes in place of those before."""
        for minute, counts in news.items():
            self._converted[minute] = Counter(counts)
            self._changed[minute] = None

    def changed(self) -> dict[Minute, dict[str, int]]:
        """Give the sums that changed since `told` was called."""
        return {minute: self._sums(minute) for minute in self._changed}

    def told(self, oldest_minute: int) -> None:
        """Note that `changed` is written; forget the minutes before `oldest_minute`."""
        self._changed.clear()
        for sums in (self._own, self._converted):
            for minute in [minute for minute in sums if minute[0] < oldest_minute]:
                del sums[minute]

    def _sums(self, minute: Minute) -> dict[str, int]:
        own, converted = self._own.get(minute, Counter()), self._converted.get(minute, Counter())
        return {name: own[name] + converted[name] for name in COUNTS} | {OWN + name: own[name] for name in COUNTS if own[name]}
