"""Visitors: a browser at a place, with a language, a time zone and a choice of consent."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from simulator.visits.world import Browser, Country, Network, Window, World

RETURNING = 0.3  # share of visits by returning visitors
RETURN_AFTER_VISITS = 400  # mean number of visits by others in between


class Consent(StrEnum):
    """The consent of a visitor, or the signal of their browser."""

    NONE = "none"  # no choice: private by default
    GRANTED = "granted"
    DENIED = "denied"
    GPC = "gpc"  # Global Privacy Control


CONSENT_SHARES = {Consent.GRANTED: 25, Consent.DENIED: 3, Consent.GPC: 2, Consent.NONE: 70}


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that visits once or returns; `number` is the number of its first visit."""

    number: int
    browser: Browser
    window: Window
    country_code: str
    longitude: float
    client_ip: str
    language: str
    time_zone: str
    consent: Consent

    @property
    def is_bot(self) -> bool:
        """Whether the visitor is a bot."""
        return self.browser.device == "bot"


def draw_visitor(world: World, seed: str, visit_number: int) -> Visitor:
    """Draw the visitor of a visit: a new one, or that of an earlier visit with the same seed."""
    random = Random(f"{seed}/visitor/{visit_number}")  # noqa: S311 - simulated chance, repeatable on purpose
    if visit_number > 0 and random.random() < RETURNING:
        earlier = visit_number - 1 - int(random.expovariate(1 / RETURN_AFTER_VISITS))
        if earlier >= 0:
            return draw_visitor(world, seed, earlier)
    return _new_visitor(world, random, visit_number)


def _new_visitor(world: World, random: Random, number: int) -> Visitor:
    browser = world.draw_browser(random)
    country = world.draw_country(random)
    network = random.choice(country.networks)
    is_bot = browser.device == "bot"
    return Visitor(
        number=number,
        browser=browser,
        window=random.choice(browser.windows),
        country_code=country.code,
        longitude=network.longitude,
        client_ip=_draw_ip(network, random),
        language="en-US" if is_bot else _draw_language(country, random),
        time_zone="UTC" if is_bot else country.time_zone(network.longitude),
        consent=Consent.NONE if is_bot else random.choices(list(CONSENT_SHARES), list(CONSENT_SHARES.values()))[0],
    )


def _draw_ip(network: Network, random: Random) -> str:
    return str(network.network[random.randrange(1, network.network.num_addresses - 1)])


def _draw_language(country: Country, random: Random) -> str:
    # Most visitors of a country use its first language.
    return random.choices(country.languages, [4**-rank for rank in range(len(country.languages))])[0]
