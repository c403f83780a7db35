"""How many requests come from one place: a bucket of tokens for each prefix of addresses."""

from collections import OrderedDict
from math import ceil
from typing import Final

MOST_REMEMBERED: Final = 100_000  # prefixes; the one that was silent longest is forgotten, its bucket is mostly full again


class Rates:
    """The buckets of all prefixes. Of each only one number is kept: when it will be full again (the generic cell rate algorithm)."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second
        self._longest = burst / per_second
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, prefix: str, now: float) -> int:
        """Take a token: 0, or the whole seconds until there is one."""
        buckets, full_at = self._full_at, now
        if prefix in buckets:
            full_at = max(now, buckets[prefix])
            buckets.move_to_end(prefix)
        full_at += self._interval
        missing = full_at - now - self._longest
        if missing > self._interval * 1.001:  # more than can ever be: the clock was set back
            full_at = now + self._interval
        elif missing > 1e-6:
            return ceil(missing)
        buckets[prefix] = full_at
        if len(buckets) > MOST_REMEMBERED:
            buckets.popitem(last=False)
        return 0


def make_rates(per_second: float, burst: int) -> Rates | None:
    """Make the buckets of a rate; 0 is no bound."""
    return Rates(per_second, burst) if per_second else None
