"""The channel and the source of a visit, by the rules of Google Analytics."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from enrichment.referrers import ReferrerKind, ReferrerSource, load_click_ids, load_referrers, registrable_site

CACHED_ARRIVALS = 8_192

PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
SHOPPING_CAMPAIGN = re.compile(r".*(([^a-df-z]|^)shop|shopping).*")
EMAIL = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter"})
DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
SOCIAL = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})


class Channel(NamedTuple):
    """The channel and the source of a page view; both None for a step within the site."""

    channel: str | None
    referrer_source: str | None


INTERNAL = Channel(None, None)
DIRECT = Channel("Direct", None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The inputs of the rules, all in lower case."""

    source: str
    kind: ReferrerKind | None
    medium: str
    campaign: str

    @property
    def is_paid(self) -> bool:
        return PAID.fullmatch(self.medium) is not None

    @property
    def is_shopping(self) -> bool:
        return self.kind is ReferrerKind.SHOPPING or SHOPPING_CAMPAIGN.fullmatch(self.campaign) is not None


# The first rule that matches names the channel; a source that matches none is a Referral.
RULES: tuple[tuple[str, Callable[[Arrival], bool]], ...] = (
    ("Cross-network", lambda arrival: "cross-network" in arrival.campaign),
    ("Paid Shopping", lambda arrival: arrival.is_paid and arrival.is_shopping),
    ("Paid Search", lambda arrival: arrival.is_paid and arrival.kind is ReferrerKind.SEARCH),
    ("Paid Social", lambda arrival: arrival.is_paid and arrival.kind is ReferrerKind.SOCIAL),
    ("Paid Video", lambda arrival: arrival.is_paid and arrival.kind is ReferrerKind.VIDEO),
    ("Display", lambda arrival: arrival.medium in DISPLAY),
    ("Paid Other", lambda arrival: arrival.is_paid),
    ("Organic Shopping", lambda arrival: arrival.is_shopping),
    ("Organic Social", lambda arrival: arrival.kind is ReferrerKind.SOCIAL or arrival.medium in SOCIAL),
    ("Organic Video", lambda arrival: arrival.kind is ReferrerKind.VIDEO or "video" in arrival.medium),
    ("AI Assistants", lambda arrival: arrival.kind is ReferrerKind.AI),
    ("Organic Search", lambda arrival: arrival.kind is ReferrerKind.SEARCH or arrival.medium == "organic"),
    ("Email", lambda arrival: arrival.kind is ReferrerKind.EMAIL or arrival.source in EMAIL or arrival.medium in EMAIL),
    ("Affiliates", lambda arrival: arrival.medium in {"affiliate", "affiliates"}),
    ("Audio", lambda arrival: arrival.medium == "audio"),
    ("SMS", lambda arrival: "sms" in {arrival.source, arrival.medium}),
    ("Mobile Push", lambda arrival: arrival.medium.endswith("push") or any(word in arrival.medium for word in ("mobile", "notification"))),
)


@lru_cache(maxsize=CACHED_ARRIVALS)
def find_channel(
    page_host: str | None,
    referrer: str | None,
    referrer_host: str | None,
    utm_source: str | None,
    utm_medium: str | None,
    utm_campaign: str | None,
    click_id: str | None,
) -> Channel:
    """Return the channel and source of a page view: None for both after a page of the same site, Direct if nothing is known."""
    clicked, click_medium = load_click_ids().get((click_id or "").partition(":")[0], (None, ""))
    is_internal = referrer_host is not None and _is_same_site(page_host, referrer_host)
    referring = _referring(referrer, referrer_host) if referrer_host and not is_internal else None
    source = _source(utm_source, clicked, referring)
    if not source and not utm_medium and not utm_campaign:
        return INTERNAL if is_internal else DIRECT
    medium = (utm_medium or "").strip().lower()
    # The click id of an advertisement takes precedence over `utm_medium` if both name the same source.
    if click_medium and (not medium or (source == clicked and PAID.fullmatch(click_medium))):
        medium = click_medium
    arrival = Arrival(source.name.lower() if source else "", source.kind if source else None, medium, (utm_campaign or "").strip().lower())
    channel = next((name for name, matches in RULES if matches(arrival)), "Referral")
    return Channel(channel, source.name if source else None)


def _source(utm_source: str | None, clicked: ReferrerSource | None, referring: ReferrerSource | None) -> ReferrerSource | None:
    if utm_source and (named := utm_source.strip()):
        return load_referrers().find_by_name(named) or ReferrerSource(named)
    if referring and referring.kind:
        return referring
    return clicked or referring


def _referring(referrer: str | None, host: str) -> ReferrerSource:
    path = "/" + "".join((referrer or "").split("/", 3)[3:])
    return load_referrers().find_by_host(host.lower(), path) or ReferrerSource(host.lower().removeprefix("www."))


def _is_same_site(page_host: str | None, referrer_host: str) -> bool:
    return page_host is not None and registrable_site(page_host) == registrable_site(referrer_host)
