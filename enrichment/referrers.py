"""Known referrers by host or campaign name: search engines, social networks, assistants, shops, video sites and webmail."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
COUNTRY_LABEL = re.compile(r"[a-z]{2}(-[a-z]{2})?")
# Public suffixes below a country's domain: example.co.uk is a site, co.uk is not.
SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gob", "gov", "gv", "ne", "net", "or", "org"})
# Hosting domains below which each name is a separate site.
# fmt: off
SHARED_HOSTS = frozenset({
    "appspot.com", "azurewebsites.net", "blogspot.com", "fly.dev", "github.io", "gitlab.io", "herokuapp.com",
    "myshopify.com", "netlify.app", "onrender.com", "pages.dev", "tumblr.com", "vercel.app", "web.app",
    "weebly.com", "wixsite.com", "wordpress.com", "workers.dev",
})
# fmt: on


class ReferrerKind(StrEnum):
    """The category of a known referrer."""

    AI = "ai"
    SOCIAL = "social"
    VIDEO = "video"
    SHOPPING = "shopping"
    EMAIL = "email"
    SEARCH = "search"


MAX_LABELS = 8  # no known host has more; a visitor can send a host with a thousand


@dataclass(frozen=True, slots=True)
class ReferrerSource:
    """A source of visits by name; without a kind if it is not a known one."""

    name: str
    kind: ReferrerKind | None = None


@dataclass(slots=True)
class Referrers:
    """The known sources, by place (a host, with or without a path prefix) and by the names that campaigns use."""

    places: dict[str, list[tuple[str, ReferrerSource]]] = field(default_factory=dict)  # host → (path, source), longest path first
    names: dict[str, ReferrerSource] = field(default_factory=dict)

    def find_by_host(self, host: str, path: str = "/") -> ReferrerSource | None:
        """Return the source of a page: that of the nearest known host, and there of the longest known path prefix."""
        for depth, form in _forms(host.removeprefix("www.")):
            for prefix, source in self.places.get(form, ()):
                # Subdomains of a search engine, such as docs.google.com, are not search: the list has all of its search hosts.
                if path.startswith(prefix) and (depth == 0 or source.kind is not ReferrerKind.SEARCH):
                    return source
        return None

    def find_by_name(self, name: str) -> ReferrerSource | None:
        """Return the source that a campaign names: `google`, `fb`, `chatgpt.com`."""
        folded = name.strip().lower()
        return self.names.get(folded) or (self.find_by_host(folded) if "." in folded else None)

    def add(self, source: ReferrerSource, hosts: str, names: tuple[str, ...] = ()) -> None:
        """Add a source; it replaces earlier ones at the same places and names."""
        for place in hosts.split():
            host, slash, path = place.partition("/")
            known = self.places.setdefault(host, [])
            known[:] = [entry for entry in known if entry[0] != slash + path] + [(slash + path, source)]
            known.sort(key=lambda entry: -len(entry[0]))
        self.names.update(dict.fromkeys(names, source))


def _forms(host: str) -> Iterator[tuple[int, str]]:
    """Yield each possible spelling of a host and its parent domains in the data, {} for a country, with the number of labels removed."""
    labels = host.split(".")
    for depth in range(max(0, len(labels) - MAX_LABELS), len(labels) - 1):
        rest = labels[depth:]
        yield depth, ".".join(rest)
        if COUNTRY_LABEL.fullmatch(rest[0]):
            yield depth, ".".join(["{}", *rest[1:]])
        if len(rest[-1]) == 2:
            yield depth, ".".join([*rest[:-1], "{}"])
            if len(rest) > 2 and rest[-2] in SECOND_LEVELS:
                yield depth, ".".join([*rest[:-2], "{}"])


def registrable_site(host: str) -> str:
    """Return the registrable domain of a host: example.co.uk for www.shop.example.co.uk.

    A heuristic instead of the public suffix list; when in doubt, two hosts are two sites.
    """
    labels = host.lower().rstrip(".").split(".")
    if labels[-1].isdigit() or ":" in host or len(labels) < 3:
        return ".".join(labels)
    ending = ".".join(labels[-2:])
    is_ending = ending in SHARED_HOSTS or (len(labels[-1]) == 2 and labels[-2] in SECOND_LEVELS)
    return ".".join(labels[-3:]) if is_ending else ending


@cache
def load_referrers() -> Referrers:
    """Load the known sources; the project's own additions override the upstream list."""
    referrers = Referrers()
    for line in _read("referrers.csv"):
        referrers.add(ReferrerSource(line["name"], ReferrerKind(line["kind"])), line["hosts"])
    for line in _read("more_referrers.csv"):
        # Only these have names: the upstream list has engines called Free, Inbox and Orange, words that campaigns use differently.
        referrers.add(
            ReferrerSource(line["name"], ReferrerKind(line["kind"])), line["hosts"], (line["name"].lower(), *line["aliases"].split())
        )
    return referrers


@cache
def load_click_ids() -> Mapping[str, tuple[ReferrerSource, str]]:
    """Load the source and the medium of each click id."""
    names = load_referrers().names
    return {
        line["name"]: (names.get(line["source"].lower(), ReferrerSource(line["source"])), line["medium"]) for line in _read("click_ids.csv")
    }


def _read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
