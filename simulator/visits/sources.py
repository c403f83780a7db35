"""The sources of visits: referrers, campaigns and click ids, and the landing pages of each."""

from dataclasses import dataclass
from random import Random
from string import ascii_letters, digits

LANDINGS = ("home", "product", "category", "article", "catalogue")


@dataclass(frozen=True, slots=True)
class Source:
    """A source of visits, with the weight of each landing page, in the order of LANDINGS."""

    name: str
    weight: float
    landings: tuple[int, ...]
    referrer: str = ""
    query: str = ""  # {id} stands for a click id


_SEARCH = (25, 40, 20, 13, 2)
_STORY = (15, 15, 5, 63, 2)
_OFFER = (5, 50, 40, 0, 5)
SOURCES = (
    Source("direct", 27, (70, 12, 8, 4, 6)),
    Source("google", 25, _SEARCH, "https://www.google.com/"),
    Source("bing", 5, _SEARCH, "https://www.bing.com/"),
    Source("duckduckgo", 4, _SEARCH, "https://duckduckgo.com/"),
    Source("ecosia", 1.5, _SEARCH, "https://www.ecosia.org/"),
    Source("google ads", 6, _OFFER, "https://www.google.com/", "gclid={id}&utm_source=google&utm_medium=cpc&utm_campaign=winter-boots"),
    Source("bing ads", 2, _OFFER, "https://www.bing.com/", "msclkid={id}"),
    Source("newsletter", 7, _OFFER, "", "utm_source=newsletter&utm_medium=email&utm_campaign=november-letter"),
    Source("facebook", 3, _STORY, "https://l.facebook.com/", "fbclid={id}"),
    Source(
        "facebook ads", 2, _OFFER, "https://l.facebook.com/", "utm_source=facebook&utm_medium=paid_social&utm_campaign=handbags&fbclid={id}"
    ),
    Source("instagram", 3, _OFFER, "https://l.instagram.com/", "utm_source=instagram&utm_medium=social"),
    Source("reddit", 2.5, _STORY, "https://www.reddit.com/"),
    Source("linkedin", 1, _STORY, "https://www.linkedin.com/"),
    Source("youtube", 1.5, _STORY, "https://www.youtube.com/"),
    Source("x", 1, _STORY, "https://t.co/"),
    Source("chatgpt", 3, _STORY, "https://chatgpt.com/", "utm_source=chatgpt.com"),
    Source("perplexity", 1, _STORY, "https://www.perplexity.ai/"),
    Source("affiliate", 1.5, _OFFER, "https://deals.example.net/boots", "utm_source=deals&utm_medium=affiliate"),
    Source("hacker news", 1.5, _STORY, "https://news.ycombinator.com/"),
    Source("a blog", 2, _STORY, "https://blog.example.org/2026/11/gift-guide"),
)
_WEIGHTS = [source.weight for source in SOURCES]


def draw_source(random: Random) -> Source:
    """Draw a source by weight."""
    return random.choices(SOURCES, _WEIGHTS)[0]


def draw_query(source: Source, random: Random) -> str:
    """Return the query that the source adds to the URL, with a new click id."""
    return source.query.replace("{id}", "".join(random.choices(ascii_letters + digits, k=24)))
