"""Rate limits of networks: requests per second with the work that they cause, and stored bytes per minute."""

from collections import OrderedDict
from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple

from collector.events.event import RejectReason

MAX_NETWORKS: Final = 100_000  # the network that was idle longest is forgotten: most of its allowance is back anyway
WIDER: Final = 16  # how many times the allowance of a network the network around it has
SECONDS_PER_REQUEST: Final = 0.005  # of CPU time; a slower request counts as several
_MINUTE: Final = 60.0
REQUESTS, BYTES = 0, 1  # the allowances


class Wait(NamedTuple):
    """The reason why a network must wait, and for how many seconds."""

    reason: RejectReason
    seconds: int


class RateLimiter:
    """The rate limits of all networks, by the generic cell rate algorithm: per allowance, one number says when it is full again.

    A client is given by its networks, the narrowest first; each of them needs some allowance left. The bytes and the CPU time of a request
    are known only afterwards: they are charged then, and a network that has overdrawn an allowance must wait. A debt is at most as large
    as the allowance.
    """

    def __init__(self, requests_per_second: float, burst: int, bytes_per_minute: int) -> None:
        request_seconds = 1 / requests_per_second if requests_per_second else 0.0
        self._unit_seconds = (request_seconds, _MINUTE / bytes_per_minute if bytes_per_minute else 0.0)
        self._full_seconds = (burst * request_seconds, _MINUTE)
        self._full_at: OrderedDict[str, list[float]] = OrderedDict()

    def admit(self, networks: Sequence[str], now: float) -> Wait | None:
        """Take one request from the allowances of a client, unless one of them is used up: then return the reason and the time to wait."""
        held, cost = self._full_at, self._unit_seconds[REQUESTS]
        for network in networks:
            if (full_at := held.get(network)) is None:
                full_at = self._add(network)
            else:
                held.move_to_end(network)
            if (full_at[0] > now or full_at[1] > now) and (wait := self._wait(full_at, now, cost)):
                self._return_request(networks[: networks.index(network)])
                return wait
            until = full_at[0]
            full_at[0] = (until if until > now else now) + cost  # noqa: FURB136 - a call takes three times as long
            cost /= WIDER
        return None

    def charge(self, networks: Sequence[str], now: float, allowance: int, amount: float) -> None:
        """Charge the `BYTES` that a request stored, or the additional `REQUESTS` that its work is worth."""
        cost, latest = amount * self._unit_seconds[allowance], now + 2 * self._full_seconds[allowance]
        for network in networks:
            if full_at := self._full_at.get(network):  # unless it was forgotten in the meantime
                until = full_at[allowance]
                until = (until if until > now else now) + cost  # noqa: FURB136 - a call takes three times as long
                full_at[allowance] = until if until < latest else latest  # noqa: FURB136
            cost /= WIDER

    def _wait(self, full_at: list[float], now: float, cost: float) -> Wait | None:
        """Return the reason and the time to wait; an impossible debt is forgiven, because the clock was set back."""
        for allowance, reason in ((REQUESTS, RejectReason.TOO_MANY_REQUESTS), (BYTES, RejectReason.TOO_MANY_BYTES)):
            full = self._full_seconds[allowance]
            missing = full_at[allowance] - now - full
            if missing > 1.001 * full:
                full_at[allowance] = now
            elif allowance == REQUESTS and missing + cost > 1e-6:
                return Wait(reason, ceil(missing + cost))
            elif allowance == BYTES and missing >= 0:
                return Wait(reason, ceil(missing) + 1)
        return None

    def _return_request(self, networks: Sequence[str]) -> None:
        """Return a request to narrower networks, because a wider one has none left."""
        cost = self._unit_seconds[REQUESTS]
        for network in networks:
            self._full_at[network][REQUESTS] -= cost
            cost /= WIDER

    def _add(self, network: str) -> list[float]:
        full_at = self._full_at[network] = [0.0, 0.0]
        if len(self._full_at) > MAX_NETWORKS:
            self._full_at.popitem(last=False)
        return full_at


def make_rate_limiter(requests_per_second: float, burst: int, bytes_per_minute: int) -> RateLimiter | None:
    """Make the rate limiter of a source; None if both limits are 0, which means no limit."""
    return RateLimiter(requests_per_second, burst, bytes_per_minute) if requests_per_second or bytes_per_minute else None
