"""`Accept-Encoding`: the content codings that a client prefers (RFC 9110, section 12.5.3)."""

import re
from typing import Final

_WEIGHTED: Final = re.compile(r"(?:x-)?([!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*(?:;[ \t]*q=([01](?:\.[0-9]{0,3})?))?")


def prefers_gzip(accept_encoding: str) -> bool:
    """Whether gzip is acceptable and has at least the weight of the plain body; invalid codings are ignored."""
    matches = (_WEIGHTED.fullmatch(part.strip(" \t")) for part in accept_encoding.lower().split(","))
    weights = {match[1]: float(match[2] or 1) for match in matches if match}
    gzip, identity = (weights.get(name, weights.get("*", 0.0)) for name in ("gzip", "identity"))
    return gzip > 0 and gzip >= identity
