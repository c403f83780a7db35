"""The population of visitors: browsers with their window sizes, networks with their places."""

import csv
import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import accumulate
from pathlib import Path
from random import Random

_DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Window:
    """A screen and the viewport on it, in CSS pixels."""

    screen_width: int
    screen_height: int
    viewport_width: int
    viewport_height: int
    device_pixel_ratio: float


@dataclass(frozen=True, slots=True)
class Browser:
    """A user agent with typical window sizes."""

    user_agent: str
    device: str  # desktop, mobile, tablet or bot
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """An IP network at one place."""

    network: IPv4Network
    longitude: float


@dataclass(frozen=True, slots=True)
class Country:
    """A country with its languages, time zones and networks."""

    code: str
    languages: tuple[str, ...]
    time_zones: tuple[tuple[str, float], ...]  # name, up to this longitude
    networks: tuple[Network, ...]

    def time_zone(self, longitude: float) -> str:
        """Return the time zone at a longitude of this country."""
        return next(name for name, bound in self.time_zones if longitude <= bound)


@dataclass(frozen=True)
class World:
    """The data to draw visitors from; the sums are running totals of the weights."""

    browsers: tuple[Browser, ...]
    browser_sums: tuple[int, ...]
    countries: tuple[Country, ...]
    country_sums: tuple[int, ...]

    def draw_browser(self, random: Random) -> Browser:
        """Draw one browser by weight."""
        return random.choices(self.browsers, cum_weights=self.browser_sums)[0]

    def draw_country(self, random: Random) -> Country:
        """Draw one country by weight."""
        return random.choices(self.countries, cum_weights=self.country_sums)[0]


def load_world(places: Path) -> World:
    """Load browsers and countries from data/, and the networks of those countries from a CSV of places."""
    browsers = json.loads((_DATA / "browsers.json").read_text("utf-8"))
    networks = _networks(places)
    countries = [row for row in json.loads((_DATA / "countries.json").read_text("utf-8")) if row["country_code"] in networks]
    return World(
        browsers=tuple(Browser(row["user_agent"], row["device"], tuple(Window(*window) for window in row["windows"])) for row in browsers),
        browser_sums=tuple(accumulate(row["weight"] for row in browsers)),
        countries=tuple(
            Country(
                row["country_code"],
                tuple(row["languages"]),
                tuple((name, bound) for name, bound in row["time_zones"]),
                tuple(networks[row["country_code"]]),
            )
            for row in countries
        ),
        country_sums=tuple(accumulate(row["weight"] for row in countries)),
    )


def _networks(places: Path) -> dict[str, list[Network]]:
    networks: dict[str, list[Network]] = {}
    with places.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            networks.setdefault(row["country_code"], []).append(Network(IPv4Network(row["network"]), float(row["longitude"])))
    return networks
