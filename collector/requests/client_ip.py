"""The client IP of a request: found behind trusted proxies, truncated for storage, and its networks for rate limits."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias

Ip: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_HOPS: Final = 100
MAX_CACHED_IPS: Final = 8192
MAX_CACHED_HEADER_BYTES: Final = 128
STORED_BITS: Final = {4: 24, 6: 48}
LIMITED_BITS: Final = {4: (24,), 6: (64, 48)}  # an IPv6 customer has at least a /64, and often a whole /56 or /48
_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5}")


def parse_ip(text: str) -> Ip | None:
    """Parse an IP address as proxies write it, with or without a port or brackets; None if it is not valid."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def is_in(ip: Ip, networks: Sequence[Network]) -> bool:
    """Whether an IP address is in one of these networks."""
    return any(ip in network for network in networks)


def find_client_ip(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> Ip | None:
    """Find the client IP: read X-Forwarded-For from the right, for as long as a trusted proxy wrote the entry.

    An entry that is not a valid IP makes the client unknown, because the proxy that wrote it did not know the client either.
    """
    hops = forwarded_for.rsplit(",", MAX_HOPS) if forwarded_for else []  # the rest of a longer list is one invalid entry
    ip = parse_ip(peer)
    while hops and ip is not None and is_in(ip, proxies):
        ip = parse_ip(hops.pop())
    return ip


def truncate(ip: Ip, bits: Mapping[int, int] = STORED_BITS) -> str:
    """Return the network address of an IP; by default that of the network that may be stored: /24 of IPv4, /48 of IPv6."""
    return str(ip_network((ip, bits[ip.version]), strict=False).network_address)


@lru_cache(4096)
def truncate_ip(text: str) -> str | None:
    """Truncate an IP address that is given as text; None if it is not valid."""
    ip = parse_ip(text) if len(text) <= 64 else None
    return truncate(ip) if ip else None


def rate_limited_networks(ip: Ip) -> tuple[str, ...]:
    """Return the networks around an IP that rate limits apply to, the narrowest first."""
    return tuple(str(ip_network((ip, bits), strict=False)) for bits in LIMITED_BITS[ip.version])


def to_java_text(ip: Ip) -> str:
    """Format an IP address as Java does: IPv6 uncompressed, but without leading zeros."""
    if isinstance(ip, IPv4Address):
        return str(ip)
    return ":".join(part.lstrip("0") or "0" for part in ip.exploded.split(":"))


class ClientIp(NamedTuple):
    """A client IP: truncated for storage, and in full for mappings that read it."""

    truncated: str
    full: str
    networks: tuple[str, ...]  # for rate limits, the narrowest first; empty for a trusted proxy, which could name any client


class ClientIpResolver:
    """Resolves the client IPs of requests, with a cache: most requests come from few places."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._cache: dict[tuple[str, bytes], ClientIp | None] = {}

    def resolve(self, peer: str, forwarded_for: bytes) -> ClientIp | None:
        """Return the client IP of a request; None if it is unknown."""
        key = (peer, forwarded_for)
        try:
            return self._cache[key]
        except KeyError:
            pass
        ip = find_client_ip(peer, forwarded_for.decode("latin-1"), self._proxies)
        resolved = self._describe(ip) if ip else None
        if len(forwarded_for) <= MAX_CACHED_HEADER_BYTES:  # an attacker's long headers must not fill the cache
            if len(self._cache) >= MAX_CACHED_IPS:
                self._cache.clear()
            self._cache[key] = resolved
        return resolved

    def _describe(self, ip: Ip) -> ClientIp:
        networks = () if is_in(ip, self._proxies) else rate_limited_networks(ip)
        return ClientIp(truncate(ip), to_java_text(ip), networks)
