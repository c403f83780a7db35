"""The cookie by which a source recognizes a party. The server sets it, because browsers soon delete what scripts store."""

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from collector.events.identifiers import IdentifierRules, is_identifier
from collector.requests.http_types import Header, Outcome, Request
from collector.sources import MAX_COOKIE_SECONDS
from mapping.operations.headers import cookies

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_is_value = re.compile("[A-Za-z0-9:~_!-]{1,255}").fullmatch


class PartyCookie:
    """The cookie of one source. It holds the party id and expires 13 months after it was set; nothing renews it.

    Its attributes are those of RFC 6265bis that a name with the prefix `__Host-` or `__Secure-` requires.
    """

    def __init__(self, name: str, domain: str, rules: IdentifierRules) -> None:
        self._name, self._canonical = name, rules.canonical
        self._attributes = f"; Path=/{f'; Domain={domain}' if domain else ''}; HttpOnly; Secure; SameSite=Lax"

    def visitor(self, request: Request) -> "Visitor | None":
        """Return the visitor of a request by its cookies; None for a navigation."""
        if request.fields.get(b"sec-fetch-mode") == b"navigate":
            return None  # any site can link here with an identifier of its choice
        # Of two cookies, another host of the site has set one: ignore both.
        values = list(cookies(request.headers, self._name, is_strict=False))
        known = self._identifier(values[0]) if len(values) == 1 else None
        return Visitor(known, has_cookie=bool(values), format_cookie=self._format)

    def _identifier(self, value: str) -> str | None:
        return value if is_identifier(value) else self._canonical(value)

    def _format(self, party_id: str | None) -> Header:
        """Return the header that sets the cookie, or deletes it."""
        seconds = MAX_COOKIE_SECONDS if party_id else 0
        return b"set-cookie", f"{self._name}={party_id or ''}; Max-Age={seconds}{self._attributes}".encode()


class Visitor:
    """The visitor of one request; the last event of the request decides whether the cookie is set or deleted."""

    __slots__ = ("_format_cookie", "_has_cookie", "_last", "known")

    def __init__(self, known: str | None, *, has_cookie: bool, format_cookie: Callable[[str | None], Header]) -> None:
        self.known, self._has_cookie, self._format_cookie = known, has_cookie, format_cookie
        self._last: tuple[str, str | None] = ("", None)

    def party_for(self, party_kind: str, party_id: str | None) -> str | None:
        """Return the party id of an event, and remember its consent. With consent the cookie wins, which is older than the page's id."""
        self._last = party_kind, party_id
        return self.known or party_id if party_kind == "consented" else party_id

    def with_cookie(self, outcome: Outcome) -> Outcome:
        """Set the cookie if the last event has consent and there is none; delete it if consent was refused."""
        kind, party_id = self._last
        if kind == "consented" and self.known is None and party_id is not None and _is_value(party_id):
            line = self._format_cookie(party_id)
        elif kind == "none" and self._has_cookie:
            line = self._format_cookie(None)
        else:
            return outcome
        kept = (header for header in outcome.response.headers if header[0] != NO_STORE[0])
        return replace(outcome, response=outcome.response._replace(headers=(*kept, NO_STORE, line)))
