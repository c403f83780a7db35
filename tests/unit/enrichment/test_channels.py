"""Channels and sources: the rules in their order, and internal referrers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.channels import RULES, Channel, find_channel
from enrichment.referrers import ReferrerKind, load_click_ids, load_referrers, registrable_site

CHANNELS = {name for name, _ in RULES} | {"Referral", "Direct", None}


def channel_of(
    referrer: str | None = None,
    *,
    page_host: str | None = "shop.example",
    source: str | None = None,
    medium: str | None = None,
    campaign: str | None = None,
    click_id: str | None = None,
) -> Channel:
    host = referrer.split("/")[2] if referrer else None
    return find_channel(page_host, referrer, host, source, medium, campaign, click_id)


@pytest.mark.parametrize(
    ("referrer", "channel", "source"),
    [
        ("https://www.google.com/", "Organic Search", "Google"),
        ("https://www.google.co.uk/", "Organic Search", "Google"),
        ("https://www.google.com.br/search", "Organic Search", "Google"),
        ("https://google.de/imgres", "Organic Search", "Google Images"),
        ("https://www.bing.com/", "Organic Search", "Bing"),
        ("https://de.search.yahoo.com/", "Organic Search", "Yahoo!"),
        ("https://duckduckgo.com/", "Organic Search", "DuckDuckGo"),
        ("https://search.brave.com/search", "Organic Search", "Brave"),
        ("https://yandex.ru/", "Organic Search", "Yandex"),
        ("https://www.baidu.com/link", "Organic Search", "Baidu"),
        ("https://l.facebook.com/", "Organic Social", "Facebook"),
        ("https://x.com/", "Organic Social", "Twitter"),
        ("https://t.co/abc", "Organic Social", "Twitter"),
        ("https://old.reddit.com/r/x/", "Organic Social", "Reddit"),
        ("https://www.pinterest.de/", "Organic Social", "Pinterest"),
        ("https://news.ycombinator.com/item", "Organic Social", "Hacker News"),
        ("https://www.youtube.com/", "Organic Video", "YouTube"),
        ("https://player.vimeo.com/", "Organic Video", "Vimeo"),
        ("https://chatgpt.com/", "AI Assistants", "ChatGPT"),
        ("https://www.perplexity.ai/search/x", "AI Assistants", "Perplexity"),
        ("https://gemini.google.com/", "AI Assistants", "Gemini"),
        ("https://x.com/i/grok", "AI Assistants", "Grok"),
        ("https://www.bing.com/chat", "AI Assistants", "Copilot"),
        ("https://www.amazon.co.jp/dp/1", "Organic Shopping", "Amazon"),
        ("https://shopping.google.com/", "Organic Shopping", "Google Shopping"),
        ("https://mail.google.com/", "Email", "Gmail"),
        ("https://outlook.live.com/", "Email", "Outlook"),
        ("https://docs.google.com/document", "Referral", "docs.google.com"),
        ("https://www.blog.example.org/post", "Referral", "blog.example.org"),
        ("https://notgoogle.com/", "Referral", "notgoogle.com"),
        ("https://localhost/", "Referral", "localhost"),
        ("https://WWW.Google.COM/", "Organic Search", "Google"),
    ],
)
def test_a_referrer_names_channel_and_source(referrer: str, channel: str, source: str) -> None:
    assert channel_of(referrer) == Channel(channel, source)


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "expected"),
    [
        ("google", "cpc", "2026 Cross-network", Channel("Cross-network", "Google")),
        ("google", "cpc", "shop the sale", Channel("Paid Shopping", "Google")),
        ("amazon", "paid", None, Channel("Paid Shopping", "Amazon")),
        ("google", "CPC", "brand", Channel("Paid Search", "Google")),
        ("adwords", "ppc", None, Channel("Paid Search", "Google")),
        ("facebook", "paid-social", None, Channel("Paid Social", "Facebook")),
        ("ig", "cpm", None, Channel("Paid Social", "Instagram")),
        ("youtube", "cpv-cpc", None, Channel("Paid Video", "YouTube")),
        ("somewhere", "cpm", None, Channel("Display", "somewhere")),
        ("somewhere", "banner", None, Channel("Display", "somewhere")),
        ("somewhere", "retargeting", None, Channel("Paid Other", "somewhere")),
        (None, "organic", "spring shopping", Channel("Organic Shopping", None)),
        ("acme", "social-media", None, Channel("Organic Social", "acme")),
        ("Facebook", None, None, Channel("Organic Social", "Facebook")),
        ("acme", "online-video", None, Channel("Organic Video", "acme")),
        ("chatgpt.com", None, None, Channel("AI Assistants", "ChatGPT")),
        ("acme", "organic", None, Channel("Organic Search", "acme")),
        ("www.google.fr", "referral", None, Channel("Organic Search", "Google")),
        ("newsletter", "email", "november", Channel("Email", "newsletter")),
        ("e-mail", None, None, Channel("Email", "e-mail")),
        ("partner", "affiliate", None, Channel("Affiliates", "partner")),
        ("acme", "audio", None, Channel("Audio", "acme")),
        ("sms", None, None, Channel("SMS", "sms")),
        ("acme", "web-push", None, Channel("Mobile Push", "acme")),
        ("acme", "app notification", None, Channel("Mobile Push", "acme")),
        ("acme", "qr", None, Channel("Referral", "acme")),
        ("acme.example", None, None, Channel("Referral", "acme.example")),
        ("free", "flyer", None, Channel("Referral", "free")),
        (None, None, "cross-network", Channel("Cross-network", None)),
        (" ", " ", " ", Channel("Referral", None)),
    ],
)
def test_a_campaign_names_channel_and_source(source: str | None, medium: str | None, campaign: str | None, expected: Channel) -> None:
    assert channel_of(source=source, medium=medium, campaign=campaign) == expected


def test_a_visit_without_a_source_is_direct() -> None:
    assert channel_of() == Channel("Direct", None)


@pytest.mark.parametrize(
    ("click_id", "channel", "source"),
    [
        ("gclid:abc", "Paid Search", "Google"),
        ("msclkid:abc", "Paid Search", "Bing"),
        ("yclid:1", "Paid Search", "Yandex"),
        ("ttclid:abc", "Paid Social", "TikTok"),
        ("li_fat_id:abc", "Paid Social", "LinkedIn"),
        ("fbclid:abc", "Organic Social", "Facebook"),
        ("dclid:abc", "Display", "Google Marketing Platform"),
        ("mc_cid:abc", "Email", "Mailchimp"),
        ("irclid:abc", "Affiliates", "Impact"),
        ("unknown:abc", "Direct", None),
    ],
)
def test_a_click_id_alone_names_channel_and_source(click_id: str, channel: str, source: str | None) -> None:
    assert channel_of(click_id=click_id) == Channel(channel, source)


def test_a_search_engine_with_the_click_id_of_its_advertisements_is_paid_search() -> None:
    assert channel_of("https://www.google.com/", click_id="gclid:abc") == Channel("Paid Search", "Google")
    assert channel_of("https://www.bing.com/", click_id="msclkid:abc") == Channel("Paid Search", "Bing")


def test_an_advertisement_outweighs_the_medium_that_its_own_source_gives() -> None:
    assert channel_of(source="google", medium="organic", click_id="gclid:abc") == Channel("Paid Search", "Google")


def test_the_medium_of_a_campaign_outweighs_the_click_id_of_another_source() -> None:
    assert channel_of(source="newsletter", medium="email", click_id="gclid:abc") == Channel("Email", "newsletter")


def test_a_click_id_that_free_links_carry_too_does_not_unmake_an_advertisement() -> None:
    assert channel_of(source="facebook", medium="cpc", click_id="fbclid:abc") == Channel("Paid Social", "Facebook")


def test_a_known_referrer_outweighs_the_owner_of_the_click_id() -> None:
    assert channel_of("https://l.instagram.com/", click_id="fbclid:abc") == Channel("Organic Social", "Instagram")
    assert channel_of("https://www.youtube.com/", click_id="gclid:abc") == Channel("Paid Video", "YouTube")


def test_the_owner_of_the_click_id_outweighs_an_unknown_referrer() -> None:
    assert channel_of("https://news.example/", click_id="gclid:abc") == Channel("Paid Search", "Google")


def test_a_campaign_outweighs_the_referrer() -> None:
    assert channel_of("https://www.google.com/", source="newsletter", medium="email") == Channel("Email", "newsletter")


@pytest.mark.parametrize(
    ("page_host", "referrer"),
    [
        ("shop.example", "https://shop.example/cart"),
        ("shop.example", "https://www.shop.example/"),
        ("www.shop.example", "https://shop.example/"),
        ("www.acme.co.uk", "https://blog.acme.co.uk/"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("localhost", "http://localhost/"),
        ("www.google.com", "https://www.google.com/"),
    ],
)
def test_a_step_within_the_site_has_no_channel(page_host: str, referrer: str) -> None:
    assert channel_of(referrer, page_host=page_host) == Channel(None, None)


@pytest.mark.parametrize(
    ("page_host", "referrer"),
    [
        ("acme.co.uk", "https://other.co.uk/"),
        ("acme.github.io", "https://other.github.io/"),
        ("127.0.0.1", "http://10.0.0.1/"),
        (None, "https://shop.example/"),
    ],
)
def test_another_site_is_a_referral(page_host: str | None, referrer: str) -> None:
    assert channel_of(referrer, page_host=page_host).channel == "Referral"


def test_a_campaign_counts_even_on_a_step_within_the_site() -> None:
    assert channel_of("https://shop.example/", source="newsletter", medium="email") == Channel("Email", "newsletter")


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("www.shop.example.com", "example.com"),
        ("www.shop.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("Example.COM.", "example.com"),
        ("me.github.io", "me.github.io"),
        ("192.168.0.1", "192.168.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_the_site_of_a_host_is_what_one_owner_registered(host: str, site: str) -> None:
    assert registrable_site(host) == site


@given(st.tuples(*[st.none() | st.text(max_size=30)] * 7))
def test_every_input_has_a_channel_of_the_closed_set(said: tuple[str | None, ...]) -> None:
    assert find_channel(*said).channel in CHANNELS


def test_each_place_of_the_data_is_the_place_of_one_source() -> None:
    places = load_referrers().places
    assert sum(len(entries) for entries in places.values()) > 800
    assert [host for host, entries in places.items() if len({path for path, _ in entries}) != len(entries)] == []
    assert [host for host in places if host != host.lower() or host.startswith("www.") or ":" in host] == []


def test_the_data_know_sources_of_every_kind() -> None:
    assert {source.kind for source in load_referrers().names.values()} == set(ReferrerKind)


def test_every_click_id_says_whose_it_is() -> None:
    assert all(source.name and medium for source, medium in load_click_ids().values())
    assert load_click_ids()["gclid"][0].kind is ReferrerKind.SEARCH
