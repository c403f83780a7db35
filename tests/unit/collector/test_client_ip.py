"""The client IP of a request, and the cleaning of URLs."""

from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import times_as_long

from cleaning.urls import UrlRules, decode_percent, split_plain
from collector.requests.client_ip import ClientIpResolver, parse_ip, truncate_ip

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", "", "198.51.100.0"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.0"),  # not from a listed proxy: forged
        ("127.0.0.1", "203.0.113.9", "203.0.113.0"),
        ("127.0.0.1", "192.0.2.66, 203.0.113.9", "203.0.113.0"),  # the left one is the visitor's own invention
        ("127.0.0.1", "192.0.2.66, 203.0.113.9, 10.1.1.1", "203.0.113.0"),
        ("127.0.0.1", "10.2.2.2,10.1.1.1", "10.2.2.0"),
        ("127.0.0.1", "", "127.0.0.0"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.0"),
        ("127.0.0.1", "[2001:db8:1:2::3]:4711", "2001:db8:1::"),
        ("127.0.0.1", "2001:db8:1:2::3", "2001:db8:1::"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.0"),
        ("127.0.0.1", "unknown", None),
        ("127.0.0.1", "203.0.113.9, ", None),
        ("127.0.0.1", "203.0.113.9, 256.0.0.1", None),
        ("::1", "203.0.113.9", "203.0.113.0"),
        ("fe80::1%eth0", "203.0.113.9", "fe80::"),
        ("127.0.0.1", "é" * 300, None),
        ("127.0.0.1", ",".join(["192.0.2.66", "203.0.113.9", *["10.1.1.1"] * 98]), "203.0.113.0"),
        ("127.0.0.1", "192.0.2.66, " * 900 + "203.0.113.9", "203.0.113.0"),  # more than 10 KB
        ("127.0.0.1", "a" * 10_240, None),
        ("127.0.0.1", "," * 10_240 + "203.0.113.9", "203.0.113.0"),
        ("127.0.0.1", "203.0.113.9" + "," * 10_240, None),
        ("127.0.0.1", "\t203.0.113.9  ,  10.1.1.1:80 ", "203.0.113.0"),
        ("127.0.0.1", "203.0.113.9, , 10.1.1.1", None),
        ("127.0.0.1", "203.0.113.9, proxy.example, 10.1.1.1", None),
        ("127.0.0.1", "203.0.113.9, _hidden", None),
        ("127.0.0.1", "203.0.113.9 10.1.1.1", None),
        ("127.0.0.1", "203.0.113.9, 10.1.1.1:port", None),
        ("127.0.0.1", "203.0.113.9, 10.1.1.1:", None),
        ("127.0.0.1", "203.0.113.9, [::1]x", None),
        ("127.0.0.1", "203.0.113.9, [::1", None),
        ("127.0.0.1", "203.0.113.9, ::1:443:", None),
        ("127.0.0.1", "203.0.113.9, 010.1.1.1", None),
        ("127.0.0.1", "203.0.113.9, \xb9\xb2\xb3.0.0.1", None),
        ("127.0.0.1", "203.0.113.9, [::1]:443", "203.0.113.0"),
        ("127.0.0.1", "[2001:db8:1:2::3]", "2001:db8:1::"),
        ("127.0.0.1", "[2001:db8:1:2::3%25eth0]:4711", "2001:db8:1::"),
        ("127.0.0.1", "fe80::1%eth0", "fe80::"),
        ("127.0.0.1", "[::ffff:203.0.113.9]:4711", "203.0.113.0"),
        ("127.0.0.1", "203.0.113.9, ::ffff:10.1.1.1", "203.0.113.0"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.0"),
        ("", "203.0.113.9", None),
    ],
)
def test_the_client_is_read_from_the_right_through_listed_proxies_and_cut(peer: str, forwarded: str, expected: str | None) -> None:
    resolver = ClientIpResolver(PROXIES)
    for _ in range(2):  # the second time from the cache
        client_ip = resolver.resolve(peer, forwarded.encode("latin-1"))
        assert (client_ip and client_ip.truncated) == expected


def is_trusted(hop: str) -> bool:
    ip = parse_ip(hop)
    return ip is not None and any(ip in network for network in PROXIES)


IPS = st.ip_addresses().map(str)
ANYTHING = st.text(st.characters(max_codepoint=255), max_size=60)
TRUSTED = st.sampled_from(["10.1.1.1", " 127.0.0.1:80 ", "[::1]:443", "::ffff:10.9.9.9"])
HOPS = IPS | TRUSTED | ANYTHING.map(lambda text: text.replace(",", "."))
FORWARDED = ANYTHING | st.lists(HOPS).map(",".join)


@given(ANYTHING | IPS | TRUSTED, FORWARDED)
def test_any_forwarded_header_leads_to_an_ip_or_to_none(peer: str, forwarded: str) -> None:
    client_ip = ClientIpResolver(PROXIES).resolve(peer, forwarded.encode("latin-1"))
    assert client_ip is None or truncate_ip(client_ip.full) == client_ip.truncated


@given(FORWARDED, FORWARDED, HOPS.filter(lambda hop: not is_trusted(hop)), st.lists(TRUSTED))
def test_hops_left_of_the_first_untrusted_one_never_matter(left: str, other: str, hop: str, right: list[str]) -> None:
    one, another = (
        ClientIpResolver(PROXIES).resolve("127.0.0.1", ",".join((start, hop, *right)).encode("latin-1")) for start in (left, other)
    )
    assert one == another
    assert (one and one.truncated) == truncate_ip(hop)


def test_the_cache_of_client_ips_is_bounded() -> None:
    resolver = ClientIpResolver(PROXIES)
    for number in range(9000):
        resolver.resolve("127.0.0.1", b"203.0.%d.%d" % divmod(number, 256))
    assert len(resolver._cache) <= 8192


URLS = st.builds(
    "{}://{}{}{}{}".format, *(st.text(alphabet, max_size=6) for alphabet in ("htps", "a.-é[", "/b ~\u00a0", "?q=&", "#:1@\x1f"))
)


@given(URLS | st.sampled_from(["https://a.example?q", "http://a.example/b?c?d/e", "https://a.example/é?ü", "https://a.example/\n"]))
def test_a_plain_url_is_split_like_any_other(text: str) -> None:
    plain = split_plain(text)
    if plain is not None:
        assert plain == urlsplit(text.strip())
        assert (plain.hostname, plain.port) == (plain.netloc, None)


def test_most_urls_are_plain() -> None:
    assert all(map(split_plain, ("https://a.example", "http://a.example/b/c", "https://www.a-b.example/c?d=e&f")))


@given(st.text(max_size=80))
def test_any_text_is_truncated_or_is_not_an_ip(text: str) -> None:
    truncated = truncate_ip(text)
    assert truncated is None or truncated.endswith((".0", ":"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", "https://a.example/"),
        ("HTTP://A.Example/Path?x=1#y", "http://a.example/Path"),
        ("https://user:password@a.example/", "https://a.example/"),
        ("https://a.example:8443/", "https://a.example:8443/"),
        ("https://a.example/?utm_source=x&id=7&GCLID=z&UTM_Medium=y", "https://a.example/?utm_source=x&GCLID=z&UTM_Medium=y"),
        ("https://a.example/?variant=b&token=secret", "https://a.example/?variant=b"),
        ("https://a.example/reset/jo@mail.example/now", "https://a.example/reset/(email)/now"),
        ("https://a.example/reset/jo%40mail.example", "https://a.example/reset/(email)"),
        ("https://a.example/?utm_term=jo@mail.example", "https://a.example/?utm_term=(email)"),
        ("https://a.example/jo@b@mail.example/", "https://a.example/(email)/"),
        ("https://a.example/@jo@mail.example", "https://a.example/(email)"),
        ("https://a.example/@", "https://a.example/@"),
        ("https://a.example/@someone", "https://a.example/@someone"),
        (" https://a.example/ ", "https://a.example/"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("android-app://com.example", None),
        ("//a.example/", None),
        ("https:///path", None),
        ("https://a.example:port/", None),
        ("https://a.example:99999/", None),
        ("https://[::1/", None),
        ("", None),
        ("about:blank", None),
    ],
)
def test_the_url_of_a_page_is_reduced_to_what_may_be_kept(text: str, expected: str | None) -> None:
    assert UrlRules(["Variant"]).page(text) == expected


@pytest.mark.parametrize("part", ["a%40", "a@", "a", "a%40.", "/@"])
def test_no_url_takes_longer_than_its_length(part: str) -> None:
    long, short = ("https://a.example/" + part * number + "/@" for number in (4000, 500))
    assert times_as_long(lambda: UrlRules().page(long), lambda: UrlRules().page(short)) < 24, "8 is linear, 64 is quadratic"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("https://a.example/p?utm_source=x#y", "https://a.example/p"), ("https://a.example?q=1", "https://a.example/"), ("x", None)],
)
def test_a_referrer_is_reduced_to_origin_and_path(text: str, expected: str | None) -> None:
    assert UrlRules().referrer(text) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_clean_url_or_none(text: str) -> None:
    for url in (UrlRules().page(text), UrlRules().page("https://" + text), UrlRules().page("https://a.example/" + text)):
        assert url is None or (url.startswith(("http://", "https://")) and "#" not in url and len(url) <= 2048)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "a"), ("%C3%A9", "é"), ("%E9", "%E9"), ("%00", "%00"), ("a%0Ab", "a%0Ab"), ("%zz", "%zz"), ("%2F%2f", "//")],
)
def test_percent_escapes_are_resolved_where_a_clean_text_results(text: str, expected: str) -> None:
    assert decode_percent(text) == expected
