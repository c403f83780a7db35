"""The cookie by which a source knows a party again: the server sets it, because browsers forget early what a script has kept."""

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from collector.events.identifiers import IdentifierRules, is_identifier
from collector.requests.http_types import Header, Outcome, Request
from collector.sources import LONGEST_COOKIE_SECONDS
from mapping.operations.headers import cookies

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_is_value = re.compile("[A-Za-z0-9:~_!-]{1,255}").fullmatch


class PartyCookie:
    """The cookie of one source. It holds the party's id and lives for 13 months from when it was set; nothing renews it.

    Its attributes are those of RFC 6265bis, for which the name may begin with `__Host-` or `__Secure-`.
    """

    def __init__(self, name: str, domain: str, rules: IdentifierRules) -> None:
        self._name, self._canonical = name, rules.canonical
        self._attributes = f"; Path=/{f'; Domain={domain}' if domain else ''}; HttpOnly; Secure; SameSite=Lax"

    def visitor(self, request: Request) -> "Visitor | None":
        """Give who sent a request, as far as its cookies tell; nobody where it is an address that a browser was led to."""
        if request.fields.get(b"sec-fetch-mode") == b"navigate":
            return None  # any site can lead here, with an identifier of its own choice
        # Of two, another host of the site has set one: neither counts.
        values = list(cookies(request.headers, self._name, is_strict=False))
        known = self._identifier(values[0]) if len(values) == 1 else None
        return Visitor(known, is_marked=bool(values), write=self._write)

    def _identifier(self, value: str) -> str | None:
        return value if is_identifier(value) else self._canonical(value)

    def _write(self, party_id: str | None) -> Header:
        """Give the line that sets the cookie, or deletes it."""
        seconds = LONGEST_COOKIE_SECONDS if party_id else 0
        return b"set-cookie", f"{self._name}={party_id or ''}; Max-Age={seconds}{self._attributes}".encode()


class Visitor:
    """Who sends, by the cookie, while one request is dealt with; the last of its events decides what becomes of the cookie."""

    __slots__ = ("_is_marked", "_last", "_write", "known")

    def __init__(self, known: str | None, *, is_marked: bool, write: Callable[[str | None], Header]) -> None:
        self.known, self._is_marked, self._write = known, is_marked, write
        self._last: tuple[str, str | None] = ("", None)

    def party_of(self, party_kind: str, party_id: str | None) -> str | None:
        """Give the party of an event: with consent the cookie's, which is older than what the page has in mind."""
        self._last = party_kind, party_id
        return self.known or party_id if party_kind == "consented" else party_id

    def told(self, outcome: Outcome) -> Outcome:
        """Set the cookie where it is agreed to and not there, delete it where the answer was no."""
        kind, party_id = self._last
        if kind == "consented" and self.known is None and party_id is not None and _is_value(party_id):
            line = self._write(party_id)
        elif kind == "none" and self._is_marked:
            line = self._write(None)
        else:
            return outcome
        kept = (header for header in outcome.answer.headers if header[0] != NO_STORE[0])
        return replace(outcome, answer=outcome.answer._replace(headers=(*kept, NO_STORE, line)))
