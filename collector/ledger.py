"""The ledger: the messages that were received and their outcomes, by minute and source."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from topics.accounts import COUNTS, DUPLICATE, OUTCOMES, Accounts, add_accounts
from topics.ledger import Minute, Received

# Both parts of the ledger forget minutes after 48 hours, but not at the same moment: only the younger ones are exact.
SHOWN_MS = 24 * 60 * 60 * 1000


class LedgerParts(NamedTuple):
    """The counts of received messages, and the accounts of their outcomes by the name of each consumer."""

    received: Mapping[Minute, Received]
    accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]]


class _Encoded(msgspec.Struct):
    """The ledger parts as one worker sends them to another."""

    received: list[tuple[int, str, int, dict[str, int]]]
    accounts: dict[str, list[tuple[int, str, dict[str, int]]]]


def encode(parts: LedgerParts) -> bytes:
    """Encode the parts as JSON."""
    received = [(*minute, one.received, one.rejected) for minute, one in parts.received.items()]
    accounts = {name: [(*minute, dict(counts)) for minute, counts in found.items()] for name, found in parts.accounts.items()}
    return msgspec.json.encode(_Encoded(received, accounts))


def decode(content: bytes) -> LedgerParts:
    """Decode the result of `encode`; raises msgspec's errors."""
    encoded = msgspec.json.decode(content, type=_Encoded)
    received = {(minute, source): Received(count, rejected) for minute, source, count, rejected in encoded.received}
    accounts = {name: {(minute, source): counts for minute, source, counts in found} for name, found in encoded.accounts.items()}
    return LedgerParts(received, accounts)


def join(parts: Iterable[LedgerParts]) -> LedgerParts:
    """Add up the parts of several writers, and the accounts of consumers with the same name."""
    received: dict[Minute, Received] = {}
    accounts: dict[str, Accounts] = {}
    for part in parts:
        for minute, one in part.received.items():
            received.setdefault(minute, Received()).add(one)
        for name, found in part.accounts.items():
            add_accounts(accounts.setdefault(name, {}), found)
    return LedgerParts(received, accounts)


def ledger(received: Mapping[Minute, Received], accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]], now: int) -> dict[str, object]:
    """Join the topic's counts with the accounts of one consumer: of several, the first by name, because all see the same messages."""
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
