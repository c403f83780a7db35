"""Bots: exactly those that crawler-user-agents names on its own examples and on a real log, each with its reasons."""

import gzip
import re
from functools import cache
from pathlib import Path

import crawleruseragents  # type: ignore[import-untyped]  # the package carries no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.bots import BotReason, PatternIndex, find_bot_reasons, reasons_of_tags, required_literal

ACCESS_LOG = Path(__file__).parents[3] / "simulator" / "data" / "access.log.gz"
CRAWLERS = crawleruseragents.CRAWLER_USER_AGENTS_DATA
PATTERNS = [re.compile(crawler["pattern"]) for crawler in CRAWLERS]
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@cache
def agents_of_the_log() -> frozenset[str]:
    with gzip.open(ACCESS_LOG, "rt", encoding="utf-8") as lines:
        return frozenset(line.rstrip("\n").rsplit('"', 2)[1] for line in lines)


def matching(agent: str) -> list[int]:
    """The list's own answer: every pattern tried in turn."""
    return [number for number, pattern in enumerate(PATTERNS) if pattern.search(agent)]


@cache
def index() -> PatternIndex:
    return PatternIndex([crawler["pattern"] for crawler in CRAWLERS])


def test_every_example_of_the_list_is_matched_by_the_same_patterns_as_there() -> None:
    examples = {example for crawler in CRAWLERS for example in crawler["instances"]}
    assert len(examples) > 2000
    differences = [example for example in examples if index().find(example) != matching(example)]
    assert differences == []


def test_every_example_of_the_list_is_a_bot_here_as_there() -> None:
    examples = [example for crawler in CRAWLERS for example in crawler["instances"]]
    assert [example for example in examples if not crawleruseragents.is_crawler(example)] == []
    assert [example for example in examples if not find_bot_reasons(example)] == []


def test_the_bots_of_a_real_log_are_exactly_those_that_the_list_names() -> None:
    agents = agents_of_the_log()
    assert len(agents) > 300
    flagged = {agent for agent in agents if find_bot_reasons(agent)}
    assert flagged == {agent for agent in agents if crawleruseragents.is_crawler(agent)}
    assert flagged


@given(st.sampled_from(CRAWLERS), st.text(max_size=20), st.text(max_size=20))
def test_a_crawler_is_found_wherever_its_name_stands(crawler: dict[str, list[str]], before: str, after: str) -> None:
    for example in crawler["instances"][:2]:
        agent = before + example + after
        assert index().find(agent) == matching(agent)


@given(st.text(alphabet="aBot/ .;+(-)Crawlsidep12", max_size=60))
def test_any_text_is_judged_as_the_list_judges_it(agent: str) -> None:
    assert index().find(agent) == matching(agent)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("Googlebot\\/", "Googlebot/"),
        ("^curl", "curl"),
        ("[pP]ingdom", "ingdom"),
        ("Foo\\.bar\\d+ baz quux", " baz quux"),
        ("one|other", ""),
        ("(^| )PTST\\/", ""),
        ("colou?r", ""),
        ("Bot v\\(1\\)", "Bot v(1)"),
        ("a.bc$", "bc"),
    ],
)
def test_the_literal_of_a_pattern_is_what_every_match_holds(pattern: str, literal: str) -> None:
    assert required_literal(pattern) == literal


def test_the_literal_of_a_pattern_is_in_all_that_it_matches() -> None:
    for crawler in CRAWLERS:
        literal = required_literal(crawler["pattern"])
        assert all(literal in example for example in crawler["instances"] if re.search(crawler["pattern"], example))


@pytest.mark.parametrize(
    ("agent", "reasons"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("search_engine",)),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", ("ai_crawler",)),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), ("headless",)),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1", ("headless",)),
        ("Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/16.4.0", ("headless",)),
        ("curl/8.5.0", ("http_library",)),
        ("python-requests/2.32.3", ("http_library",)),
        ("Java/17.0.9", ("http_library",)),
        ("PostmanRuntime/7.36.0", ("http_library",)),
    ],
)
def test_a_bot_is_reported_with_its_reasons(agent: str, reasons: tuple[str, ...]) -> None:
    assert find_bot_reasons(agent) == reasons


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        "-",
        CHROME,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ],
)
def test_a_person_and_a_missing_agent_have_no_reasons(agent: str | None) -> None:
    assert find_bot_reasons(agent) == ()


def test_every_reason_given_is_of_the_closed_set() -> None:
    given_reasons = {reason for crawler in CRAWLERS for example in crawler["instances"] for reason in find_bot_reasons(example)}
    assert given_reasons == {reason.value for reason in BotReason} - {"crawler"}


@pytest.mark.parametrize(
    ("tags", "reasons"),
    [
        (("ai-crawler", "seo"), {BotReason.AI_CRAWLER, BotReason.SEO}),
        (("browser-automation",), {BotReason.HEADLESS}),
        ((), {BotReason.CRAWLER}),
        (("a-new-tag",), {BotReason.CRAWLER}),
    ],
)
def test_a_tag_is_a_reason(tags: tuple[str, ...], reasons: set[BotReason]) -> None:
    assert reasons_of_tags(tags) == reasons


def test_every_reason_is_explained_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "enrichment" / "README.md").read_text("utf-8")
    assert [reason.value for reason in BotReason if f"| `{reason.value}` |" not in readme] == []
