"""Bot detection by user agent: the patterns of crawler-user-agents, plus a few that its list lacks."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

import crawleruseragents  # type: ignore[import-untyped]  # the package carries no types

GRAM_LENGTH = 4
CACHED_AGENTS = 8_192
MAX_AGENT_LENGTH = 512  # the stored length; the time of some patterns grows with its square


class BotReason(StrEnum):
    """Reason to classify an agent as a bot, in output order. All but `crawler` are tags of crawler-user-agents."""

    SEARCH_ENGINE = "search_engine"  # indexes pages for a search engine
    AI_CRAWLER = "ai_crawler"  # reads pages for a language model
    SEO = "seo"  # audits links and rankings
    MONITORING = "monitoring"  # checks whether a site is up and fast
    SCANNER = "scanner"  # looks for weaknesses
    ADVERTISING = "advertising"  # checks pages that show or receive advertisements
    SOCIAL_PREVIEW = "social_preview"  # fetches a page to show a card of it
    FEED_READER = "feed_reader"  # polls feeds
    ARCHIVER = "archiver"  # keeps copies
    ACADEMIC = "academic"  # collects data for research
    HTTP_LIBRARY = "http_library"  # a program's HTTP client: curl, python-requests, ...
    HEADLESS = "headless"  # a browser driven by a program: HeadlessChrome, PhantomJS, Selenium, ...
    CRAWLER = "crawler"  # named by the list without a tag known here


# Bots that crawler-user-agents lacks. None of them occurs in the access log that the project replays.
EXTRA_PATTERNS = {
    BotReason.HEADLESS: r"HtmlUnit|SlimerJS|Cypress/|jsdom/|WebDriver",
    BotReason.HTTP_LIBRARY: r"^Java/|^python-urllib3|PostmanRuntime|GuzzleHttp|^libcurl|^reqwest|Dart/\d|WinHttp|^insomnia/|^undici",
}
TAG_REASONS = {"browser-automation": BotReason.HEADLESS} | {reason.replace("_", "-"): reason for reason in BotReason}


class PatternIndex:
    """An index of many patterns that tries only those whose required literal may occur in the text."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._by_gram: dict[str, list[int]] = {}
        self._always: list[int] = []
        for number, pattern in enumerate(patterns):
            literal = required_literal(pattern)
            if len(literal) < GRAM_LENGTH:
                self._always.append(number)
            else:
                self._by_gram.setdefault(self._rarest_gram(literal), []).append(number)

    def _rarest_gram(self, literal: str) -> str:
        # The gram that the fewest patterns use; the last of equals, because prefixes such as "Mozilla" are common.
        return min(reversed(list(_grams(literal))), key=lambda gram: len(self._by_gram.get(gram, ())))

    def find(self, text: str) -> list[int]:
        """Return the numbers of all patterns that match the text, sorted."""
        found = self._by_gram.keys() & set(_grams(text))
        candidates = [*self._always, *(number for gram in found for number in self._by_gram[gram])]
        return sorted(number for number in candidates if self._patterns[number].search(text))


def _grams(text: str) -> Iterator[str]:
    return (text[start : start + GRAM_LENGTH] for start in range(len(text) - GRAM_LENGTH + 1))


def required_literal(pattern: str) -> str:
    """Return the longest run of literal characters that every match contains; empty if it cannot be determined easily."""
    if re.search(r"(?<!\\)[|({?*]", pattern):
        return ""  # parts are optional
    literals = re.split(r"\\[A-Za-z0-9]|(?<!\\)(?:\[[^\]]*\]|[.^$+])", pattern)
    return max((re.sub(r"\\(.)", r"\1", literal) for literal in literals), key=len)


def find_bot_reasons(user_agent: str | None) -> tuple[str, ...]:
    """Return the codes of the BotReasons that apply to an agent; empty for a possible person and for a missing agent."""
    return _find_bot_reasons(user_agent and user_agent[:MAX_AGENT_LENGTH])


@lru_cache(maxsize=CACHED_AGENTS)
def _find_bot_reasons(user_agent: str | None) -> tuple[str, ...]:
    if not user_agent:
        return ()
    reasons = _crawler_reasons(user_agent)
    reasons.update(reason for reason, pattern in EXTRA_PATTERNS.items() if re.search(pattern, user_agent))
    return tuple(reason.value for reason in BotReason if reason in reasons)


def reasons_of_tags(tags: Sequence[str]) -> set[BotReason]:
    """Return the reasons for a crawler's tags; `crawler` where it has no tag or an unknown one."""
    return {TAG_REASONS.get(tag, BotReason.CRAWLER) for tag in tags} or {BotReason.CRAWLER}


def _crawler_reasons(user_agent: str) -> set[BotReason]:
    crawlers: list[dict[str, Any]] = crawleruseragents.CRAWLER_USER_AGENTS_DATA
    found = _crawler_index().find(user_agent)
    return {reason for number in found for reason in reasons_of_tags(crawlers[number].get("tags", ()))}


@cache
def _crawler_index() -> PatternIndex:
    return PatternIndex([crawler["pattern"] for crawler in crawleruseragents.CRAWLER_USER_AGENTS_DATA])
