"""Enrichment: looks up place, device, bot and channel of an event, with caches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

from enrichment.bots import MAX_AGENT_LENGTH
from schemas.codec import Record
from streams.settings import PlaceDetail
from streams.sink import Row

PLACE_KEYS = ("country", "country_code", "country_code3", "region", "city", "latitude", "longitude")
COUNTRY_KEYS = PLACE_KEYS[:3]
DEVICE_KEYS = ("device_type", "device_brand", "device_model", "browser", "browser_version", "os", "os_version")

MAX_USER_AGENTS = 10_000
MAX_PLACES = 50_000

# Channel and source; both null for a step within the site.
Channel: TypeAlias = tuple[str | None, str | None]
NO_CHANNEL: Channel = (None, None)

_arrival = itemgetter("page_host", "referrer", "referrer_host", "utm_source", "utm_medium", "utm_campaign", "click_id")

Enrichment: TypeAlias = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Lookups:
    """The functions that look up reference data; streams/build.py takes them from the package `enrichment`."""

    find_place: Callable[[str | None], Any]  # a value with PLACE_KEYS, or None
    find_device: Callable[[str | None], Any]  # a value with DEVICE_KEYS
    find_bot_reasons: Callable[[str | None], tuple[str, ...]]
    find_channel: Callable[..., Channel]


class Enricher:
    """Looks up the enrichment of events. A lookup that fails yields nulls and is reported to `on_failure`; it never stops the converter."""

    def __init__(self, lookups: Lookups, detail: PlaceDetail, on_failure: Callable[[str], None]) -> None:
        self._lookups = lookups
        self._on_failure = on_failure
        self._place_keys = {"city": PLACE_KEYS, "country": COUNTRY_KEYS, "off": ()}[detail]
        self.place = lru_cache(MAX_PLACES)(self._place)
        self._known_agent = lru_cache(MAX_USER_AGENTS)(self._agent)

    def refresh(self) -> None:
        """Empty the cache of places before a batch: the place database may have been replaced."""
        self.place.cache_clear()

    def agent(self, user_agent: str | None) -> Enrichment:
        """Return the device and bot columns of a user agent, of which only the first MAX_AGENT_LENGTH characters count."""
        return self._known_agent(user_agent and user_agent[:MAX_AGENT_LENGTH])

    def channel(self, record: Record) -> Channel:
        """Return the channel and source that brought the visitor to the page; both null for a step within the site."""
        found: Channel | None = self._look_up("channels", self._lookups.find_channel, *_arrival(record))
        return NO_CHANNEL if found is None else found

    def _place(self, client_ip: str | None) -> Enrichment:
        place = self._look_up("place", self._lookups.find_place, client_ip) if self._place_keys else None
        return {key: getattr(place, key, None) if key in self._place_keys else None for key in PLACE_KEYS}

    def _agent(self, user_agent: str | None) -> Enrichment:
        device = self._look_up("device", self._lookups.find_device, user_agent)
        reasons = self._look_up("bots", self._lookups.find_bot_reasons, user_agent)
        found: Row = {key: getattr(device, key, None) for key in DEVICE_KEYS}
        found["is_bot"] = int(bool(reasons))
        found["bot_reasons"] = ",".join(reasons) if reasons else None
        return found

    def _look_up(self, name: str, function: Callable[..., Any], *arguments: str | None) -> Any:
        try:
            return function(*arguments)
        except Exception:  # noqa: BLE001 - external data may be broken in any way; the event counts all the same
            self._on_failure(name)
            return None
