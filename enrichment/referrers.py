"""Who a host or the name of a source is: search engine, social network, assistant, shop, video site or mailbox."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
COUNTRY_LABEL = re.compile(r"[a-z]{2}(-[a-z]{2})?")
# Below these a country's registry sells names: example.co.uk is a site, co.uk is none.
SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gob", "gov", "gv", "ne", "net", "or", "org"})
# Below these everyone may have a site of their own.
# fmt: off
SHARED_HOSTS = frozenset({
    "appspot.com", "azurewebsites.net", "blogspot.com", "fly.dev", "github.io", "gitlab.io", "herokuapp.com",
    "myshopify.com", "netlify.app", "onrender.com", "pages.dev", "tumblr.com", "vercel.app", "web.app",
    "weebly.com", "wixsite.com", "wordpress.com", "workers.dev",
})
# fmt: on


class Kind(StrEnum):
    """What a known source is."""

    AI = "ai"
    SOCIAL = "social"
    VIDEO = "video"
    SHOPPING = "shopping"
    EMAIL = "email"
    SEARCH = "search"


MAX_LABELS = 8  # no known host has more; a visitor can name one of a thousand


@dataclass(frozen=True, slots=True)
class Source:
    """A source by name; its kind is None if it is none of the known ones."""

    name: str
    kind: Kind | None = None


@dataclass(slots=True)
class Referrers:
    """The known sources, by place (host, with or without the beginning of a path) and by the names campaigns call them."""

    places: dict[str, list[tuple[str, Source]]] = field(default_factory=dict)  # host → (path, source), longest path first
    names: dict[str, Source] = field(default_factory=dict)

    def find_by_host(self, host: str, path: str = "/") -> Source | None:
        """Give the source of a page: the nearest known host, and there the longest known beginning of the path."""
        for depth, form in _forms(host.removeprefix("www.")):
            for beginning, source in self.places.get(form, ()):
                # A search engine's other houses (docs.google.com) are no search: its hosts are all in the list.
                if path.startswith(beginning) and (depth == 0 or source.kind is not Kind.SEARCH):
                    return source
        return None

    def find_by_name(self, name: str) -> Source | None:
        """Give the source a campaign names: `google`, `fb`, `chatgpt.com`."""
        folded = name.strip().lower()
        return self.names.get(folded) or (self.find_by_host(folded) if "." in folded else None)

    def add(self, source: Source, hosts: str, names: tuple[str, ...] = ()) -> None:
        """Take a source over from the data; the last to claim a place or a name has it."""
        for place in hosts.split():
            host, slash, path = place.partition("/")
            known = self.places.setdefault(host, [])
            known[:] = [entry for entry in known if entry[0] != slash + path] + [(slash + path, source)]
            known.sort(key=lambda entry: -len(entry[0]))
        self.names.update(dict.fromkeys(names, source))


def _forms(host: str) -> Iterator[tuple[int, str]]:
    """Give the ways the data may write a host: itself, with {} for a country, then the same for each host above it, with its height."""
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
    """Give the part of a host that one owner registered: example.co.uk of www.shop.example.co.uk.

    A rule of thumb instead of the public suffix list: it errs towards two hosts being two sites.
    """
    labels = host.lower().rstrip(".").split(".")
    if labels[-1].isdigit() or ":" in host or len(labels) < 3:
        return ".".join(labels)
    ending = ".".join(labels[-2:])
    is_ending = ending in SHARED_HOSTS or (len(labels[-1]) == 2 and labels[-2] in SECOND_LEVELS)
    return ".".join(labels[-3:]) if is_ending else ending


@cache
def load_referrers() -> Referrers:
    """Read the known sources; what the project adds wins over the list it builds on."""
    referrers = Referrers()
    for line in _read("referrers.csv"):
        referrers.add(Source(line["name"], Kind(line["kind"])), line["hosts"])
    for line in _read("more_referrers.csv"):
        # Names come from here only: in the long list stand engines called Free, Inbox and Orange, which campaigns mean otherwise.
        referrers.add(Source(line["name"], Kind(line["kind"])), line["hosts"], (line["name"].lower(), *line["aliases"].split()))
    return referrers


@cache
def load_click_ids() -> Mapping[str, tuple[Source, str]]:
    """Read who adds which click id to a link, and the medium that says."""
    names = load_referrers().names
    return {line["name"]: (names.get(line["source"].lower(), Source(line["source"])), line["medium"]) for line in _read("click_ids.csv")}


def _read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
