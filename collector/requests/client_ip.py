"""Network addresses: whose a request is, and how much of it may be kept."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_HOPS: Final = 100
KEPT_BITS = {4: 24, 6: 48}
LIMITED_BITS = {4: (24,), 6: (64, 48)}  # a customer of IPv6 has a /64 at least, and often a /56 or a /48 full of them
_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5}")


def read_address(text: str) -> Address | None:
    """Read an address as proxies write it, a port or brackets around it included; None if it is none."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_listed(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether an address is one of these networks'."""
    return any(address in network for network in networks)


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> Address | None:
    """Find who sent a request: X-Forwarded-For is read from the right for as long as the one who wrote it is a listed proxy.

    What is no address ends that too: the proxy before it does not know whose the request is, and so nobody does.
    """
    hops = forwarded_for.rsplit(",", MAX_HOPS) if forwarded_for else []  # what more there are is one that is no address
    address = read_address(peer)
    while hops and address is not None and is_listed(address, proxies):
        address = read_address(hops.pop())
    return address


def cut(address: Address, bits: Mapping[int, int] = KEPT_BITS) -> str:
    """Cut an address, by default to what may be written: /24 of IPv4, /48 of IPv6."""
    return str(ip_network((address, bits[address.version]), strict=False).network_address)


def networks_of(address: Address) -> tuple[str, ...]:
    """The networks around an address that limits are for, the narrowest first."""
    return tuple(str(ip_network((address, bits), strict=False)) for bits in LIMITED_BITS[address.version])


def java_text(address: Address) -> str:
    """Write an address as Java does: IPv6 in full, but for leading zeros."""
    if isinstance(address, IPv4Address):
        return str(address)
    return ":".join(part.lstrip("0") or "0" for part in address.exploded.split(":"))


@lru_cache(4096)
def cut_text(text: str) -> str | None:
    """Cut an address given as text; None if it is none."""
    address = read_address(text) if len(text) <= 64 else None
    return cut(address) if address else None


class Seen(NamedTuple):
    """Whose a request is: the address as it may be kept, and whole for mappings that ask for it."""

    cut: str
    whole: str
    networks: tuple[str, ...]  # those that limits are for, the narrowest first; none of a listed proxy, which could name any


class AddressReader:
    """Gives the addresses of requests; most come from few places, so that answers are remembered."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._remembered: dict[tuple[str, bytes], Seen | None] = {}

    def read(self, peer: str, forwarded_for: bytes) -> Seen | None:
        """Give the address of the client; None if it cannot be known."""
        key = (peer, forwarded_for)
        try:
            return self._remembered[key]
        except KeyError:
            pass
        address = client_address(peer, forwarded_for.decode("latin-1"), self._proxies)
        answer = self._seen(address) if address else None
        if len(forwarded_for) <= 128:  # an attacker's long headers are worked out each time
            if len(self._remembered) >= 8192:
                self._remembered.clear()
            self._remembered[key] = answer
        return answer

    def _seen(self, address: Address) -> Seen:
        networks = () if is_listed(address, self._proxies) else networks_of(address)
        return Seen(cut(address), java_text(address), networks)

    def cut_address(self, peer: str, forwarded_for: bytes) -> str | None:
        """Give the cut address of the client alone."""
        seen = self.read(peer, forwarded_for)
        return seen.cut if seen else None
