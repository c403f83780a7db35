"""Whose pages may send to a source, and what their browsers are told beside each answer (Fetch Standard, CORS)."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from collector.requests.http_types import CORS, EXPOSED, Answer, Header

ANY: Final = "*"
MOST_REMEMBERED: Final = 512
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class Readers:
    """Pages of one origin. Most answers are given again and again: they are put together once, and stay the same object."""

    __slots__ = ("_answers", "_headers")

    def __init__(self, *headers: Header) -> None:
        self._headers = headers
        self._answers: dict[int, tuple[Answer, Answer]] = {}  # the first is there so that no other object can have its place

    def answer(self, bare: Answer) -> Answer:
        """Give an answer such that these pages can read it."""
        known = self._answers.get(id(bare))
        if known is not None:
            return known[1]
        answer = Answer(bare.status, (*bare.headers, *self._headers), bare.body)
        if bare.is_for_one:
            return answer
        if len(self._answers) >= MOST_REMEMBERED:
            self._answers.clear()
        self._answers[id(bare)] = bare, answer
        return answer


class Origins:
    """The origins that one source is for."""

    def __init__(self, allowed: Sequence[str] = (ANY,), *, with_cookies: bool = False) -> None:
        self.strangers = Readers(*CORS)  # a page that may not send can read why, and stops; nothing of its visitor goes with that
        self._others = Readers((b"vary", b"Origin"))
        self._listed = {} if ANY in allowed else {_normal(origin): _readers(_normal(origin), with_cookies) for origin in allowed}

    def readers(self, fields: Mapping[bytes, bytes]) -> Readers | None:
        """Give who can read the answer; None if such a page may not send. Servers and old images name no origin, images a referrer."""
        if not self._listed:
            return self.strangers
        origin = fields.get(b"origin")
        if origin is not None:
            return self._listed.get(origin)
        referrer = fields.get(b"referer")
        return self._others if not referrer or _origin_of(referrer) in self._listed else None


def _readers(origin: bytes, with_cookies: bool) -> Readers:
    credentials = ((b"access-control-allow-credentials", b"true"),) if with_cookies else ()
    return Readers((b"access-control-allow-origin", origin), *credentials, EXPOSED, (b"vary", b"Origin"))


def _normal(origin: str) -> bytes:
    """Write an origin as browsers do."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}".encode()


def _origin_of(address: bytes) -> bytes:
    """Give the origin of an address; nothing that is listed if it has none."""
    try:
        parts = urlsplit(address.decode("latin-1"))
        return _normal(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    except (ValueError, KeyError):
        return b""
