"""The ledger: what came in against what became of it, minute by minute."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from topics.local import Received

Minute: TypeAlias = tuple[int, str]  # (milliseconds since 1970, source)
DUPLICATE = "duplicate"  # a refusal in the topic, but accounted for as a duplicate
OUTCOMES = ("stored", "duplicates", "dead_letters")
# Minutes leave both halves of the ledger after 48 hours, not at the same moment: the younger ones are exact.
SHOWN_MS = 24 * 60 * 60 * 1000


def ledger(received: Mapping[Minute, Received], accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]], now: int) -> dict[str, object]:
    """Join the topic's half with its readers'; a message that several readers account for is told by the first of them, by name."""
    account = accounts[min(accounts)] if accounts else {}
    keys = sorted(key for key in received.keys() | account.keys() if key[0] >= now - SHOWN_MS)
    minutes = [_line(key, received.get(key, Received()), account.get(key, {})) for key in keys]
    counted = ("received", *OUTCOMES, "rejected", "difference")
    return {"minutes": minutes, "total": {name: sum(int(str(line[name])) for line in minutes) for name in counted}}


def _line(key: Minute, received: Received, account: Mapping[str, int]) -> dict[str, object]:
    outcomes = {name: account.get(name, 0) for name in OUTCOMES}
    rejected = account.get("rejected", 0)
    return {
        "minute": datetime.fromtimestamp(key[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": key[1],
        "received": received.received,
        **outcomes,
        "rejected": rejected,
        "reasons": {reason: count for reason, count in received.rejected.items() if reason != DUPLICATE},
        "difference": received.received - rejected - sum(outcomes.values()),
    }
