"""What reference data says about an event, remembered for the addresses, agents and sources seen lately."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from schemas.codec import Record
from streams.settings import PlaceDetail
from streams.sink import Row

PLACE_KEYS = ("country", "country_code", "country_code3", "region", "city", "latitude", "longitude")
COUNTRY_KEYS = PLACE_KEYS[:3]
DEVICE_KEYS = ("device_type", "device_brand", "device_model", "browser", "browser_version", "os", "os_version")

PLACES_KEPT_MS = 5000  # so long an exchanged place database may go unseen
MOST_AGENTS = 10_000
MOST_ADDRESSES = 50_000
MOST_SOURCES = 20_000

Facts: TypeAlias = Mapping[str, str | int | float | None]


class FoundChannel(Protocol):
    """The channel and, where there is one, the source."""

    @property
    def channel(self) -> str: ...

    @property
    def referrer_source(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Lookups:
    """The questions that the enrichment answers; streams/build.py takes them from the package `enrichment`."""

    find_place: Callable[[str | None], Any]
    find_device: Callable[[str | None], Any]
    find_bot_reasons: Callable[[str | None], tuple[str, ...]]
    find_channel: Callable[..., FoundChannel]


class FactFinder:
    """Asks the enrichment. A question that fails gives nulls and is told to `on_failure`; it never stops the converter."""

    def __init__(self, lookups: Lookups, detail: PlaceDetail, on_failure: Callable[[str], None]) -> None:
        self._lookups = lookups
        self._place_keys = {"city": PLACE_KEYS, "country": COUNTRY_KEYS, "off": ()}[detail]
        self._on_failure = on_failure
        self._places_since: int | None = None
        self.place = lru_cache(MOST_ADDRESSES)(self._place)
        self.agent = lru_cache(MOST_AGENTS)(self._agent)
        self._channel_of = lru_cache(MOST_SOURCES)(self._channel)

    def refresh(self, now: int) -> None:
        """Forget the places once they are some seconds old: the database may have been exchanged."""
        if self._places_since is None or not 0 <= now - self._places_since < PLACES_KEPT_MS:
            self.place.cache_clear()
            self._places_since = now

    def channel(self, record: Record) -> tuple[str | None, str | None]:
        """Give the channel and source that brought the visitor to the page; none where the visitor came from the site itself."""
        return self._channel_of(
            record["page_host"],
            record["referrer"],
            record["referrer_host"],
            record["utm_source"],
            record["utm_medium"],
            record["utm_campaign"],
            record["click_id"],
        )

    def _place(self, address: str | None) -> Facts:
        found = self._ask("place", self._lookups.find_place, address) if self._place_keys else None
        return {key: getattr(found, key) if found is not None and key in self._place_keys else None for key in PLACE_KEYS}

    def _agent(self, user_agent: str | None) -> Facts:
        device = self._ask("device", self._lookups.find_device, user_agent)
        reasons = self._ask("bots", self._lookups.find_bot_reasons, user_agent)
        facts: Row = {key: getattr(device, key, None) for key in DEVICE_KEYS}
        facts["is_bot"] = int(bool(reasons))
        facts["bot_reasons"] = ",".join(reasons) if reasons else None
        return facts

    def _channel(
        self, page_host: str | None, referrer: str | None, referrer_host: str | None, *campaign: str | None
    ) -> tuple[str | None, str | None]:
        if _is_same_site(page_host, referrer_host) and not any(campaign):
            return None, None
        found = self._ask("channels", self._lookups.find_channel, page_host, referrer, referrer_host, *campaign)
        return (None, None) if found is None else (found.channel, found.referrer_source)

    def _ask(self, what: str, question: Callable[..., Any], *told: str | None) -> Any:
        try:
            return question(*told)
        except Exception:  # noqa: BLE001 - reference data comes from outside and may be broken in any way; the event counts all the same
            self._on_failure(what)
            return None


def _is_same_site(page_host: str | None, referrer_host: str | None) -> bool:
    return bool(page_host and referrer_host) and str(page_host).removeprefix("www.") == str(referrer_host).removeprefix("www.")
