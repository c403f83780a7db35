"""Who sent a request, as far as its headers say and may be known."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from cleaning.texts import header_text
from collector.requests.cookies import PartyCookie, Visitor
from collector.requests.http_types import Header, Request
from mapping.operations.headers import AnonymousHeaders

LONGEST_REMEMBERED: Final = 512
_text = lru_cache(4096)(header_text)  # most agents come again and again


class Sender(msgspec.Struct, frozen=True, gc=False):
    """What mappings may be told of who sent a request."""

    address: str | None  # cut
    remote_host: str | None  # whole
    user_agent: str | None
    headers: Sequence[Header]
    declines: bool  # the browser's word (GPC, DNT) that nobody is to be recognised
    visitor: Visitor | None = None  # where the source has a cookie


def read_sender(request: Request, *, hears_no: bool, cookie: PartyCookie | None = None) -> Sender:
    """Read the sender, by the source's cookie too if it has one; if a no is heard, no cookies are told."""
    fields, seen = request.fields, request.seen
    agent = fields.get(b"user-agent")
    user_agent = None if not agent else _text(agent) if len(agent) <= LONGEST_REMEMBERED else header_text(agent)
    declines = hears_no and (fields.get(b"sec-gpc") == b"1" or fields.get(b"dnt") == b"1")
    headers = AnonymousHeaders(request.headers) if declines else request.headers
    address, remote_host, _ = seen or (None, None, None)
    visitor = None if cookie is None else cookie.visitor(request)
    return Sender(address, remote_host, user_agent, headers, declines, visitor)
