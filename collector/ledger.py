"""The ledger: what came in against what became of it, minute by minute."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import msgspec

from topics.accounts import COUNTS, OUTCOMES
from topics.local.consumers import Accounts
from topics.local.spools import add_accounts
from topics.local.writer import Received

Minute: TypeAlias = tuple[int, str]  # (milliseconds since 1970, source)
DUPLICATE = "duplicate"  # a refusal in the topic, but accounted for as a duplicate
# Minutes leave both halves of the ledger after 48 hours, not at the same moment: the younger ones are exact.
SHOWN_MS = 24 * 60 * 60 * 1000


class Halves(NamedTuple):
    """What came in, and by the name of each reader what became of it."""

    received: Mapping[Minute, Received]
    accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]]


class _Told(msgspec.Struct):
    """The halves as one worker tells them to another."""

    received: list[tuple[int, str, int, dict[str, int]]]
    accounts: dict[str, list[tuple[int, str, dict[str, int]]]]


def encode(halves: Halves) -> bytes:
    """Write the halves as JSON."""
    received = [(*minute, one.received, one.rejected) for minute, one in halves.received.items()]
    accounts = {name: [(*minute, dict(counts)) for minute, counts in found.items()] for name, found in halves.accounts.items()}
    return msgspec.json.encode(_Told(received, accounts))


def decode(content: bytes) -> Halves:
    """Read what `encode` wrote; raises msgspec's errors."""
    told = msgspec.json.decode(content, type=_Told)
    received = {(minute, source): Received(count, rejected) for minute, source, count, rejected in told.received}
    accounts = {name: {(minute, source): counts for minute, source, counts in found} for name, found in told.accounts.items()}
    return Halves(received, accounts)


def join(parts: Iterable[Halves]) -> Halves:
    """Add up what several writers took, and what several readers accounted for under the same name."""
    received: dict[Minute, Received] = {}
    accounts: dict[str, Accounts] = {}
    for part in parts:
        for minute, one in part.received.items():
            received.setdefault(minute, Received()).add(one)
        for name, found in part.accounts.items():
            add_accounts(accounts.setdefault(name, {}), found)
    return Halves(received, accounts)


def ledger(received: Mapping[Minute, Received], accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]], now: int) -> dict[str, object]:
    """Join the topic's half with its readers'; a message that several readers account for is told by the first of them, by name."""
    account = accounts[min(accounts)] if accounts else {}
    keys = sorted(key for key in received.keys() | account.keys() if key[0] >= now - SHOWN_MS)
    minutes = [_line(key, received.get(key, Received()), account.get(key, {})) for key in keys]
    counted = ("received", *COUNTS, "difference")
    return {"minutes": minutes, "total": {name: sum(int(str(line[name])) for line in minutes) for name in counted}}


def _line(key: Minute, received: Received, account: Mapping[str, int]) -> dict[str, object]:
    counts = {name: account.get(name, 0) for name in COUNTS}
    return {
        "minute": datetime.fromtimestamp(key[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": key[1],
        "received": received.received,
        **counts,
        "reasons": {reason: count for reason, count in received.rejected.items() if reason != DUPLICATE},
        "difference": received.received - sum(counts[name] for name in OUTCOMES),
    }
