"""How much comes from one network: requests a second and the work they make, and bytes to store a minute."""

from collections import OrderedDict
from collections.abc import Sequence
from math import ceil, inf
from typing import Final, NamedTuple

from collector.events.event import RejectReason

MAX_NETWORKS: Final = 100_000  # the one that was silent longest is forgotten: it has mostly its whole allowance again
WIDER: Final = 16  # so many times the allowance of a network has the wider one around it
SECONDS_OF_REQUEST: Final = 0.005  # of a processor; what takes longer counts as several requests
_MINUTE: Final = 60.0
_REQUESTS, _BYTES = 0, 1


class Wait(NamedTuple):
    """Why a network has to wait, and for how many seconds."""

    reason: RejectReason
    seconds: int


class Rates:
    """The allowances of all networks. Of each two numbers are kept: when it will have all of it again (the generic cell rate algorithm).

    A client is given by its networks, the narrowest first; each has to have something left. What a request stores, and how long it takes,
    is known afterwards: it is charged then, and who has overdrawn an allowance waits. A debt is at most as large as the allowance.
    """

    def __init__(self, requests_per_second: float, burst: int, bytes_per_minute: int) -> None:
        self._seconds_of_request = 1 / requests_per_second if requests_per_second else 0.0
        self._longest = burst * self._seconds_of_request
        self._seconds_of_byte = _MINUTE / bytes_per_minute if bytes_per_minute else 0.0
        self._full_at: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, networks: Sequence[str], now: float) -> Wait | None:
        """Take a request from the allowances of a client; or nothing, if it has to wait."""
        held, cost = self._full_at, self._seconds_of_request
        for network in networks:
            if (full_at := held.get(network)) is None:
                full_at = self._add(network)
            else:
                held.move_to_end(network)
            used = full_at[_REQUESTS] - now
            if used > 2.001 * self._longest:  # more than can ever be: the clock was set back
                full_at[_REQUESTS] = now
            elif (missing := used + cost - self._longest) > 1e-6:
                return Wait(RejectReason.TOO_MANY_REQUESTS, ceil(missing))
            used = full_at[_BYTES] - now
            if used > 2.001 * _MINUTE:
                full_at[_BYTES] = now
            elif used >= _MINUTE:
                return Wait(RejectReason.TOO_MANY_BYTES, ceil(used - _MINUTE) + 1)
            cost /= WIDER
        cost = self._seconds_of_request
        for network in networks:
            _use(held[network], _REQUESTS, now, cost)
            cost /= WIDER
        return None

    def charge(self, networks: Sequence[str], now: float, *, size: int, work_seconds: float) -> None:
        """Charge the bytes that a request stored; and one that made the work of several for as many."""
        bytes_cost = size * self._seconds_of_byte
        work_cost = (work_seconds / SECONDS_OF_REQUEST - 1) * self._seconds_of_request if work_seconds else 0.0
        for network in networks:
            full_at = self._full_at.get(network)
            if full_at is not None:  # or else it was forgotten since it was taken
                _use(full_at, _BYTES, now, bytes_cost, 2 * _MINUTE)
                if work_cost > 0:
                    _use(full_at, _REQUESTS, now, work_cost, 2 * self._longest)
            bytes_cost, work_cost = bytes_cost / WIDER, work_cost / WIDER

    def _add(self, network: str) -> list[float]:
        full_at = self._full_at[network] = [0.0, 0.0]
        if len(self._full_at) > MAX_NETWORKS:
            self._full_at.popitem(last=False)
        return full_at


def _use(full_at: list[float], what: int, now: float, cost: float, longest: float = inf) -> None:
    """Use some seconds of an allowance, and owe no more than so many."""
    until = full_at[what]
    until = (until if until > now else now) + cost  # noqa: FURB136 - runs twice for each request, and a call takes three times as long
    full_at[what] = until if until < now + longest else now + longest  # noqa: FURB136


def make_rates(requests_per_second: float, burst: int, bytes_per_minute: int) -> Rates | None:
    """Make the allowances of networks; 0 is no bound."""
    return Rates(requests_per_second, burst, bytes_per_minute) if requests_per_second or bytes_per_minute else None
