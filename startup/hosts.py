"""Validation of the `Host` of a request (RFC 9112, section 3.2), and the host names that a port without a login accepts."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

VERSIONS: Final = frozenset({"1.1", "1.0"})
_HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")
_MAX_VALID: Final = 1024
_valid: Final[set[bytes]] = set()  # most requests have one of a few hosts
MAX_HOST_BYTES: Final = 1024  # a host name has at most 253; a bound on the size of the cache
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def names_its_host(headers: Sequence[tuple[bytes, bytes]], fields: Mapping[bytes, bytes], version: Callable[[], str]) -> bool:
    """Whether an HTTP/1 request has exactly one Host and it is valid; an HTTP/1.0 request may have none."""
    host = fields.get(b"host")
    if host is None:
        return version() == "1.0"
    if len(fields) != len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        return False
    return version() in VERSIONS and (host in _valid or _is_valid(host))


def _is_valid(host: bytes) -> bool:
    """Whether a Host is valid; most requests name one of a few, which are remembered."""
    if _match(host) is None:
        return False
    if len(_valid) >= _MAX_VALID:
        _valid.clear()
    _valid.add(host)
    return True


def _match(host: bytes) -> re.Match[bytes] | None:
    """Match a Host; return None if it is not valid."""
    host = host.rstrip(b" \t")
    return _HOST.fullmatch(host) if len(host) <= MAX_HOST_BYTES else None


def is_local_host(host: bytes, allowed: Collection[str]) -> bool:
    """Whether a valid Host is localhost, an IP address or an allowed name, none of which an attacker can point here with DNS.

    An IP address must have the form that browsers send; `0x7f.1` and `2130706433` come from other clients only.
    """
    found = _match(host)
    if found is None:
        return False
    name = found[1].decode("ascii").lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or name in allowed or _is_ip(name)


def _is_ip(name: str) -> bool:
    try:
        IPv6Address(name[1:-1]) if name.startswith("[") else IPv4Address(name)
    except AddressValueError:
        return False
    return True


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _host_name(value: str) -> str:
    name = value.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("not a valid host name: expected one without scheme, port, path or wildcard, such as sql.example.com")
    return name


AllowedHosts = Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], NoDecode, BeforeValidator(_split)]
ALLOWED_HOSTS: Final = (
    "Host names, besides localhost and IP addresses, that requests to the port without a login may use; separated by commas."
)
