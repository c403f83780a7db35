"""Who visits: a browser at a place, with a language, a clock and an answer to the question of consent."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from simulator.visits.world import Browser, Country, Network, Window, World

RETURNING = 0.3  # share of visits by somebody who was there before
RETURN_AFTER_VISITS = 400  # mean number of visits by others in between


class Consent(StrEnum):
    """What the visitor, or the browser on their behalf, says to being recognised."""

    NONE = "none"  # no answer: private by default
    GRANTED = "granted"
    DENIED = "denied"
    GPC = "gpc"  # Global Privacy Control


CONSENT_SHARES = {Consent.GRANTED: 25, Consent.DENIED: 3, Consent.GPC: 2, Consent.NONE: 70}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One browser that comes once or again; `number` is that of its first visit."""

    number: int
    browser: Browser
    window: Window
    country_code: str
    longitude: float
    address: str
    language: str
    time_zone: str
    consent: Consent

    @property
    def is_bot(self) -> bool:
        """A machine that follows links."""
        return self.browser.device == "bot"


def draw_visitor(world: World, seed: str, visit_number: int) -> Visitor:
    """Draw who makes a visit: somebody new, or whoever made an earlier visit of the same seed."""
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
        address=_draw_address(network, random),
        language="en-US" if is_bot else _draw_language(country, random),
        time_zone="UTC" if is_bot else country.time_zone(network.longitude),
        consent=Consent.NONE if is_bot else random.choices(list(CONSENT_SHARES), list(CONSENT_SHARES.values()))[0],
    )


def _draw_address(network: Network, random: Random) -> str:
    return str(network.network[random.randrange(1, network.network.num_addresses - 1)])


def _draw_language(country: Country, random: Random) -> str:
    # The first language of a country is that of most.
    return random.choices(country.languages, [4**-rank for rank in range(len(country.languages))])[0]
