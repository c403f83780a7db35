"""The client of a request: its IP, user agent, headers and signals."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from cleaning.texts import header_text
from collector.requests.cookies import PartyCookie, Visitor
from collector.requests.http_types import Header, Request

MAX_CACHED_CHARACTERS: Final = 512
_cached_text = lru_cache(4096)(header_text)  # few user agents make up most requests


class ClientInfo(msgspec.Struct, frozen=True, gc=False):
    """The facts about a client. Of one that opted out, mappings read anonymous headers (collector/records.py)."""

    ip: str | None  # truncated
    remote_host: str | None  # the full client IP
    user_agent: str | None
    headers: Sequence[Header]
    has_opted_out: bool  # by a signal of the browser: GPC or DNT
    visitor: Visitor | None = None  # if the source has a cookie


def read_client_info(request: Request, *, honors_opt_out: bool, cookie: PartyCookie | None = None) -> ClientInfo:
    """Read the client from the headers of a request."""
    fields, client_ip = request.fields, request.client_ip
    agent = fields.get(b"user-agent")
    user_agent = None if not agent else _cached_text(agent) if len(agent) <= MAX_CACHED_CHARACTERS else header_text(agent)
    has_opted_out = honors_opt_out and (fields.get(b"sec-gpc") == b"1" or fields.get(b"dnt") == b"1")
    truncated, full, _ = client_ip or (None, None, None)
    visitor = None if cookie is None else cookie.visitor(request)
    return ClientInfo(truncated, full, user_agent, request.headers, has_opted_out, visitor)
