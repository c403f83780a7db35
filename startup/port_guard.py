"""The guard of a port without a login: it trusts programs that can reach the port, but not web pages in a browser on the same machine.

A page can send requests to any host that its browser reaches. But it cannot choose the headers that browsers add: Origin, Sec-Fetch-Site,
and the Host of a name that points here through DNS rebinding. And it cannot send JSON without a preflight request (Fetch Standard).
"""

import hmac
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from startup.hosts import VERSIONS, is_local_host, names_its_host

REASONS: Final = ("malformed_request", "foreign_host", "not_for_pages", "not_json", "no_token")
Header: TypeAlias = tuple[bytes, bytes]


class RequestHead(NamedTuple):
    """A request without its body; header names are in lower case."""

    method: str
    target: str  # a path, or an absolute URL as proxies receive it
    version: str
    headers: Sequence[Header]


class Denial(NamedTuple):
    """The response to a request that the guard denies: a status, a reason from a closed set, and a message."""

    status: int
    reason: str
    message: str
    headers: tuple[Header, ...] = ()

    def to_json(self) -> bytes:
        """Return the body of the response."""
        return json.dumps({"reason": self.reason, "message": self.message}).encode()


MALFORMED: Final = Denial(400, "malformed_request", "not a valid HTTP/1.1 request with one Host header, nor one of HTTP/1.0")
NOT_FOR_PAGES: Final = Denial(403, "not_for_pages", "this port is not for web pages: Origin or Sec-Fetch-Site belongs to another site")
NOT_JSON: Final = Denial(415, "not_json", "Content-Type must be application/json")
NO_TOKEN: Final = Denial(
    401, "no_token", "a valid token is required: Authorization: Bearer TOKEN", ((b"www-authenticate", b'Bearer realm="headrace"'),)
)


def malformed(head: RequestHead) -> Denial | None:
    """Check a request for a port that everybody may use: deny it unless it is HTTP/1 with one valid Host."""
    if head.version in VERSIONS and names_its_host(head.headers, dict(head.headers), lambda: head.version):
        return None
    return MALFORMED


@dataclass(frozen=True)
class PortGuard:
    """The rules of one port."""

    setting: str  # the setting with the allowed hosts, for the message
    allowed_hosts: Collection[str] = ()
    is_json_only: bool = False
    token: str = ""
    open_paths: Collection[str] = ()  # paths that need no token

    def check(self, head: RequestHead) -> Denial | None:
        """Return the denial of a request; None if it is accepted."""
        if denial := malformed(head):
            return denial
        if not all(is_local_host(host, self.allowed_hosts) for host in _hosts(head)):
            return Denial(403, "foreign_host", f"Host must be localhost, an IP address or a name listed in {self.setting}")
        if _is_cross_origin(head.headers):
            return NOT_FOR_PAGES
        if self.token and head.target not in self.open_paths and not _has_token(head.headers, self.token):
            return NO_TOKEN
        if self.is_json_only and head.method in ("POST", "PUT", "PATCH") and not _is_json(head.headers):
            return NOT_JSON
        return None


def _hosts(head: RequestHead) -> Iterator[bytes]:
    """Yield the hosts in the headers and in the target of a request; an HTTP/1.0 request may have none."""
    yield from (value for name, value in head.headers if name == b"host")
    if not head.target.startswith("/") and "://" in head.target:
        yield head.target.split("/", 3)[2].encode("latin-1", "replace")


def _is_cross_origin(headers: Sequence[Header]) -> bool:
    """Whether a page of another origin sends this request, by the headers of the browser; for the same origin, Origin has the Host."""
    own = tuple(scheme + value.lower() for name, value in headers if name == b"host" for scheme in (b"http://", b"https://"))
    return any(
        (name == b"origin" and value.lower() not in own) or (name == b"sec-fetch-site" and value not in (b"same-origin", b"none"))
        for name, value in headers
    )


def _is_json(headers: Sequence[Header]) -> bool:
    """Whether exactly one Content-Type is present and it is JSON."""
    media_types = [value.partition(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    return media_types == [b"application/json"]


def _has_token(headers: Sequence[Header], token: str) -> bool:
    found = [value.split(maxsplit=1) for name, value in headers if name == b"authorization"]
    if len(found) != 1 or len(found[0]) != 2 or found[0][0].lower() != b"bearer":
        return False
    return hmac.compare_digest(found[0][1].strip(), token.encode())
