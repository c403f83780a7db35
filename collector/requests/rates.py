"""How much comes from one network: requests a second and the work they make, and bytes to store a minute."""

from collections import OrderedDict
from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple

from collector.events.event import RejectReason

MAX_NETWORKS: Final = 100_000  # the one that was silent longest is forgotten: it has mostly its whole allowance again
WIDER: Final = 16  # so many times the allowance of a network has the wider one around it
SECONDS_OF_REQUEST: Final = 0.005  # of a processor; what takes longer counts as several requests
_MINUTE: Final = 60.0
REQUESTS, BYTES = 0, 1  # the allowances


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
        seconds_of_request = 1 / requests_per_second if requests_per_second else 0.0
        self._seconds_of_one = (seconds_of_request, _MINUTE / bytes_per_minute if bytes_per_minute else 0.0)
        self._seconds_of_all = (burst * seconds_of_request, _MINUTE)
        self._full_at: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, networks: Sequence[str], now: float) -> Wait | None:
        """Take a request from the allowances of a client; return why and how long it has to wait if one of them is used up."""
        held, cost = self._full_at, self._seconds_of_one[REQUESTS]
        for network in networks:
            if (full_at := held.get(network)) is None:
                full_at = self._add(network)
            else:
                held.move_to_end(network)
            if (full_at[0] > now or full_at[1] > now) and (wait := self._wait(full_at, now, cost)):
                self._give_back(networks[: networks.index(network)])
                return wait
            until = full_at[0]
            full_at[0] = (until if until > now else now) + cost  # noqa: FURB136 - a call takes three times as long
            cost /= WIDER
        return None

    def charge(self, networks: Sequence[str], now: float, allowance: int, amount: float) -> None:
        """Charge the `BYTES` that a request stored, or so many more `REQUESTS` to one that made the work of several."""
        cost, latest = amount * self._seconds_of_one[allowance], now + 2 * self._seconds_of_all[allowance]
        for network in networks:
            if full_at := self._full_at.get(network):  # or else it was forgotten since it was taken
                until = full_at[allowance]
                until = (until if until > now else now) + cost  # noqa: FURB136 - a call takes three times as long
                full_at[allowance] = until if until < latest else latest  # noqa: FURB136
            cost /= WIDER

    def _wait(self, full_at: list[float], now: float, cost: float) -> Wait | None:
        """Return why and how long a network has to wait; a debt that can never be is forgiven, for the clock was set back."""
        for allowance, reason in ((REQUESTS, RejectReason.TOO_MANY_REQUESTS), (BYTES, RejectReason.TOO_MANY_BYTES)):
            most = self._seconds_of_all[allowance]
            missing = full_at[allowance] - now - most
            if missing > 1.001 * most:
                full_at[allowance] = now
            elif allowance == REQUESTS and missing + cost > 1e-6:
                return Wait(reason, ceil(missing + cost))
            elif allowance == BYTES and missing >= 0:
                return Wait(reason, ceil(missing) + 1)
        return None

    def _give_back(self, networks: Sequence[str]) -> None:
        """Give a request back to networks that had it taken before a wider one was found to have none left."""
        cost = self._seconds_of_one[REQUESTS]
        for network in networks:
            self._full_at[network][REQUESTS] -= cost
            cost /= WIDER

    def _add(self, network: str) -> list[float]:
        full_at = self._full_at[network] = [0.0, 0.0]
        if len(self._full_at) > MAX_NETWORKS:
            self._full_at.popitem(last=False)
        return full_at


def make_rates(requests_per_second: float, burst: int, bytes_per_minute: int) -> Rates | None:
    """Make the allowances of networks; 0 is no bound."""
    return Rates(requests_per_second, burst, bytes_per_minute) if requests_per_second or bytes_per_minute else None
