"""A visit as the collector sees it: page requests and batches of events, each at its time, in the tracker's format."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urljoin

from simulator.trusted_source import Event
from simulator.visits.journey import Page, Walker, walk_as_bot
from simulator.visits.sources import draw_query, draw_source
from simulator.visits.visitors import Consent, Visitor, draw_visitor
from simulator.visits.world import World

BATCH_DELAY_MS = 1000  # the tracker batches the events of a second


@dataclass(frozen=True, slots=True)
class Visit:
    """The plan of one visit: its visitor, referrer and pages."""

    number: int
    visitor: Visitor
    referrer: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One request of the visitor's browser: a page or a batch of events."""

    at_ms: int  # since the visit began
    get: str | None = None
    events: tuple[Event, ...] = ()  # created_at counts from the beginning of the visit


def plan_visit(world: World, seed: str, number: int) -> Visit:
    """Plan one visit; the same seed and number give the same visit."""
    visitor = draw_visitor(world, seed, number)
    random = Random(f"{seed}/visit/{number}")  # noqa: S311 - simulated chance, repeatable on purpose
    if visitor.is_bot:
        return Visit(number, visitor, "", tuple(walk_as_bot(random)))
    source = draw_source(random)
    query = draw_query(source, random)
    return Visit(number, visitor, source.referrer, tuple(Walker(random).walk(source, query)))


class Tracker:
    """The requests of the tracker for a visit; event ids are hashes of `id_key`, so the same key produces the same ids."""

    def __init__(self, visit: Visit, shop_url: str, id_key: str) -> None:
        self._visit = visit
        self._shop_url = shop_url
        self._id_key = id_key
        self._made = 0
        self._common = _browser_fields(visit.visitor) | self._identity()

    def moments(self) -> Iterator[Moment]:
        """Yield the requests, in order of time."""
        at_ms = 0
        referrer = self._visit.referrer
        left: tuple[Event, ...] = ()  # the pageLeave of a route is sent with the next view
        for page, following in zip(self._visit.pages, [*self._visit.pages[1:], None], strict=True):
            view = self._view(page, referrer)
            yield from self._shown(page, view, at_ms, left)
            at_ms += page.stay_ms
            left = self._leave(page, view, at_ms)
            if left and not (following and following.is_route):
                yield Moment(at_ms, events=left)
                left = ()
            referrer = view["url"]

    def _shown(self, page: Page, view: Event, at_ms: int, before: tuple[Event, ...]) -> Iterator[Moment]:
        if not page.is_route:
            yield Moment(at_ms, get=_path(page))
        first = [*before, self._event("pageView", at_ms, view)]
        later: list[Event] = []
        for action in page.actions:
            event = self._event(action.type, at_ms + action.after_ms, view, self._absolute(action.fields))
            (first if action.after_ms <= BATCH_DELAY_MS else later).append(event)
        delay_ms = min(BATCH_DELAY_MS, page.stay_ms)
        yield Moment(at_ms + delay_ms, events=tuple(first))
        for event in later:
            yield Moment(min(event["created_at"] + BATCH_DELAY_MS, at_ms + page.stay_ms), events=(event,))

    def _leave(self, page: Page, view: Event, at_ms: int) -> tuple[Event, ...]:
        if not page.engagement_ms:
            return ()
        fields = {"engagement_ms": page.engagement_ms, "scroll_percent": page.scroll_percent}
        return (self._event("pageLeave", at_ms, view, fields),)

    def _view(self, page: Page, referrer: str) -> Event:
        url = urljoin(self._shop_url, _path(page))
        return {"page_view_id": self._next_id(), "url": url, "title": page.title, "referrer": referrer}

    def _event(self, kind: str, at_ms: int, view: Event, fields: Mapping[str, Any] | None = None) -> Event:
        event = {"id": self._next_id(), "type": kind, "created_at": at_ms, **self._common, **view, **(fields or {})}
        if self._visit.visitor.consent is Consent.GRANTED:
            is_first = "is_first_in_session" not in self._common
            event |= {"is_new_party": is_first and self._visit.visitor.number == self._visit.number, "is_first_in_session": is_first}
            self._common["is_first_in_session"] = False
        return event

    def _identity(self) -> Event:
        visitor = self._visit.visitor
        if visitor.consent is Consent.GRANTED:
            party_id = _hash(self._id_key, "party", visitor.number)
            return {"is_private": False, "party_id": party_id, "session_id": _hash(self._id_key, "session", self._visit.number)}
        return {"is_private": True} if visitor.consent in (Consent.DENIED, Consent.GPC) else {}

    def _absolute(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**fields, "target": urljoin(self._shop_url, fields["target"])} if "target" in fields else fields

    def _next_id(self) -> str:
        self._made += 1
        return _hash(self._id_key, "event", self._visit.number, self._made)


def headers(visitor: Visitor) -> dict[str, str]:
    """Return the headers of each request of the visitor's browser; X-Forwarded-For, as a proxy sets it, has the client IP."""
    sent = {"User-Agent": visitor.browser.user_agent, "Accept-Language": visitor.language, "X-Forwarded-For": visitor.client_ip}
    return {**sent, "Sec-GPC": "1"} if visitor.consent is Consent.GPC else sent


def _path(page: Page) -> str:
    return f"{page.path}?{page.query}" if page.query else page.path


def _browser_fields(visitor: Visitor) -> Event:
    window = visitor.window
    return {
        "viewport_width": window.viewport_width,
        "viewport_height": window.viewport_height,
        "screen_width": window.screen_width,
        "screen_height": window.screen_height,
        "device_pixel_ratio": window.device_pixel_ratio,
        "language": visitor.language,
        "time_zone": visitor.time_zone,
    }


def _hash(*parts: object) -> str:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()
