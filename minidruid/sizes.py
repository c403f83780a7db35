"""Sizes of memory in DuckDB's notation."""

import re

_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")


def parse_size(size: str) -> int:
    """Return the bytes of a size such as 256MB; raises ValueError if it is not valid."""
    found = _SIZE.fullmatch(size)
    if not found:
        raise ValueError(f"[{size}] is not a valid size: a number and {', '.join(_UNITS)} are expected.")
    return int(float(found[1]) * _UNITS[found[2]])
