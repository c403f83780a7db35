"""The `Host` of a request: which service was asked for (RFC 9112, section 3.2)."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from collector.exchange import Header

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")
_is_host = lru_cache(1024)(_HOST.fullmatch)  # most requests name one of a few


def names_its_host(headers: Sequence[Header], fields: Mapping[bytes, bytes], version: Callable[[], str]) -> bool:
    """Tell whether a request has one Host, and a valid one; that of HTTP/1.0 may have none."""
    host = fields.get(b"host")
    if host is None:
        return version() < "1.1"
    if len(fields) != len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        return False
    return _is_host(host.rstrip(b" \t")) is not None
