"""What reference data says about an event, remembered for the agents seen lately."""

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

MOST_AGENTS = 10_000
MOST_PLACES = 50_000

# Channel and source; both null for a step within the site.
Channel: TypeAlias = tuple[str | None, str | None]
NO_CHANNEL: Channel = (None, None)

_arrival = itemgetter("page_host", "referrer", "referrer_host", "utm_source", "utm_medium", "utm_campaign", "click_id")

Facts: TypeAlias = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Lookups:
    """The questions that the enrichment answers; streams/build.py takes them from the package `enrichment`."""

    find_place: Callable[[str | None], Any]  # a value with PLACE_KEYS, or None
    find_device: Callable[[str | None], Any]  # a value with DEVICE_KEYS
    find_bot_reasons: Callable[[str | None], tuple[str, ...]]
    find_channel: Callable[..., Channel]


class Enricher:
    """Asks the enrichment. A question that fails gives nulls and is told to `on_failure`; it never stops the converter."""

    def __init__(self, lookups: Lookups, detail: PlaceDetail, on_failure: Callable[[str], None]) -> None:
        self._lookups = lookups
        self._on_failure = on_failure
        self._place_keys = {"city": PLACE_KEYS, "country": COUNTRY_KEYS, "off": ()}[detail]
        self.place = lru_cache(MOST_PLACES)(self._place)
        self._known_agent = lru_cache(MOST_AGENTS)(self._agent)

    def refresh(self) -> None:
        """Begin a batch: the place database may have been exchanged since the last."""
        self.place.cache_clear()

    def agent(self, user_agent: str | None) -> Facts:
        """Return the facts of an agent; of one that is longer than stored ones, those of its beginning."""
        return self._known_agent(user_agent and user_agent[:MAX_AGENT_LENGTH])

    def channel(self, record: Record) -> Channel:
        """Give the channel and source that brought the visitor to the page; none where the visitor came from the site itself."""
        found: Channel | None = self._ask("channels", self._lookups.find_channel, *_arrival(record))
        return NO_CHANNEL if found is None else found

    def _place(self, address: str | None) -> Facts:
        place = self._ask("place", self._lookups.find_place, address) if self._place_keys else None
        return {key: getattr(place, key, None) if key in self._place_keys else None for key in PLACE_KEYS}

    def _agent(self, user_agent: str | None) -> Facts:
        device = self._ask("device", self._lookups.find_device, user_agent)
        reasons = self._ask("bots", self._lookups.find_bot_reasons, user_agent)
        facts: Row = {key: getattr(device, key, None) for key in DEVICE_KEYS}
        facts["is_bot"] = int(bool(reasons))
        facts["bot_reasons"] = ",".join(reasons) if reasons else None
        return facts

    def _ask(self, what: str, question: Callable[..., Any], *told: str | None) -> Any:
        try:
            return question(*told)
        except Exception:  # noqa: BLE001 - reference data comes from outside and may be broken in any way; the event counts all the same
            self._on_failure(what)
            return None
