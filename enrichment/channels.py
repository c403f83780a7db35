"""Which channel brought a visitor to a page, by the rules Google Analytics made usual, and who sent the visitor."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from enrichment.referrers import Kind, Source, load_click_ids, load_referrers, registrable_site

REMEMBERED_ARRIVALS = 8_192

PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
SHOPPING_CAMPAIGN = re.compile(r".*(([^a-df-z]|^)shop|shopping).*")
EMAIL = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter"})
DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
SOCIAL = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})


class Channel(NamedTuple):
    """How a visitor came and who sent them; both None for a step within the site."""

    channel: str | None
    referrer_source: str | None


INTERNAL = Channel(None, None)
DIRECT = Channel("Direct", None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the rules look at, all in lower case."""

    source: str
    kind: Kind | None
    medium: str
    campaign: str

    @property
    def is_paid(self) -> bool:
        return PAID.fullmatch(self.medium) is not None

    @property
    def is_shopping(self) -> bool:
        return self.kind is Kind.SHOPPING or SHOPPING_CAMPAIGN.fullmatch(self.campaign) is not None


# The first rule that holds names the channel; whoever has a source and no rule is a Referral.
RULES: tuple[tuple[str, Callable[[Arrival], bool]], ...] = (
    ("Cross-network", lambda arrival: "cross-network" in arrival.campaign),
    ("Paid Shopping", lambda arrival: arrival.is_paid and arrival.is_shopping),
    ("Paid Search", lambda arrival: arrival.is_paid and arrival.kind is Kind.SEARCH),
    ("Paid Social", lambda arrival: arrival.is_paid and arrival.kind is Kind.SOCIAL),
    ("Paid Video", lambda arrival: arrival.is_paid and arrival.kind is Kind.VIDEO),
    ("Display", lambda arrival: arrival.medium in DISPLAY),
    ("Paid Other", lambda arrival: arrival.is_paid),
    ("Organic Shopping", lambda arrival: arrival.is_shopping),
    ("Organic Social", lambda arrival: arrival.kind is Kind.SOCIAL or arrival.medium in SOCIAL),
    ("Organic Video", lambda arrival: arrival.kind is Kind.VIDEO or "video" in arrival.medium),
    ("AI Assistants", lambda arrival: arrival.kind is Kind.AI),
    ("Organic Search", lambda arrival: arrival.kind is Kind.SEARCH or arrival.medium == "organic"),
    ("Email", lambda arrival: arrival.kind is Kind.EMAIL or arrival.source in EMAIL or arrival.medium in EMAIL),
    ("Affiliates", lambda arrival: arrival.medium in {"affiliate", "affiliates"}),
    ("Audio", lambda arrival: arrival.medium == "audio"),
    ("SMS", lambda arrival: "sms" in {arrival.source, arrival.medium}),
    ("Mobile Push", lambda arrival: arrival.medium.endswith("push") or any(word in arrival.medium for word in ("mobile", "notification"))),
)


@lru_cache(maxsize=REMEMBERED_ARRIVALS)
def find_channel(
    page_host: str | None,
    referrer: str | None,
    referrer_host: str | None,
    utm_source: str | None,
    utm_medium: str | None,
    utm_campaign: str | None,
    click_id: str | None,
) -> Channel:
    """Name channel and source of a page view; a page reached from the same site is (None, None), whatever else is unknown Direct."""
    clicked, click_medium = load_click_ids().get((click_id or "").partition(":")[0], (None, ""))
    is_internal = referrer_host is not None and _is_same_site(page_host, referrer_host)
    referring = _referring(referrer, referrer_host) if referrer_host and not is_internal else None
    source = _source(utm_source, clicked, referring)
    if not source and not utm_medium and not utm_campaign:
        return INTERNAL if is_internal else DIRECT
    medium = (utm_medium or "").strip().lower()
    # An advertisement's click id outweighs what the campaign calls itself, if both name the same source.
    if click_medium and (not medium or (source == clicked and PAID.fullmatch(click_medium))):
        medium = click_medium
    arrival = Arrival(source.name.lower() if source else "", source.kind if source else None, medium, (utm_campaign or "").strip().lower())
    channel = next((name for name, holds in RULES if holds(arrival)), "Referral")
    return Channel(channel, source.name if source else None)


def _source(utm_source: str | None, clicked: Source | None, referring: Source | None) -> Source | None:
    if utm_source and (named := utm_source.strip()):
        return load_referrers().find_by_name(named) or Source(named)
    if referring and referring.kind:
        return referring
    return clicked or referring


def _referring(referrer: str | None, host: str) -> Source:
    path = "/" + "".join((referrer or "").split("/", 3)[3:])
    return load_referrers().find_by_host(host.lower(), path) or Source(host.lower().removeprefix("www."))


def _is_same_site(page_host: str | None, referrer_host: str) -> bool:
    return page_host is not None and registrable_site(page_host) == registrable_site(referrer_host)
