import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.access_log import Request, extension, parse_line, skip_reason

LINE = '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.html HTTP/1.1" 200 203023 "http://example.org/" "Mozilla/5.0"'


def a_line(**parts: str) -> str:
    fields = {
        "client": "192.0.2.1",
        "user": "-",
        "time": "17/May/2015:10:05:03 +0000",
        "request": "GET / HTTP/1.1",
        "status": "200",
        "size": "12",
        "referrer": "-",
        "agent": "-",
    } | parts
    return '{client} - {user} [{time}] "{request}" {status} {size} "{referrer}" "{agent}"'.format(**fields)


def parsed(**parts: str) -> Request:
    request = parse_line(a_line(**parts))
    assert request is not None
    return request


def a_request(target: str = "/", method: str = "GET", status: int = 200) -> Request:
    return parsed(request=f"{method} {target} HTTP/1.1", status=str(status))


def test_a_line_is_a_request_with_all_its_fields() -> None:
    assert parse_line(LINE) == Request("83.149.9.216", 1431857103000, "GET", "/a.html", 200, "http://example.org/", "Mozilla/5.0")


def test_the_time_is_that_of_its_zone() -> None:
    assert parsed(time="17/May/2015:12:05:03 +0200").occurred_at == parsed().occurred_at


def test_a_dash_is_nothing() -> None:
    request = parsed(referrer="-", agent="-")
    assert (request.referrer, request.user_agent) == (None, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a \"quoted\" agent", 'a "quoted" agent'),
        (r"back\\slash", "back\\slash"),
        (r"caf\xc3\xa9", "café"),
        (r"\xff", "\ufffd"),
        (r"tab\tend", "tab\tend"),
        (r"\x41", "A"),
    ],
)
def test_escapes_of_the_log_are_undone(written: str, meant: str) -> None:
    assert parsed(agent=written).user_agent == meant


def test_a_client_may_be_an_ipv6_or_a_host_name() -> None:
    assert parsed(client="2001:db8::1").client == "2001:db8::1"
    assert parsed(client="host.example.org").client == "host.example.org"


def test_a_user_name_may_have_spaces() -> None:
    assert parsed(user="jane doe").method == "GET"


def test_an_answer_without_a_body_has_a_dash_for_its_size() -> None:
    assert parsed(size="-").status == 200


def test_a_target_may_have_spaces() -> None:
    assert parsed(request="GET /two words HTTP/1.1").target == "/two words"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        LINE[:-1],
        LINE + " more",
        LINE.replace("May", "Mai"),
        LINE.replace("17/May", "31/Feb"),
        LINE.replace("10:05:03 +0000", "10:05"),
        LINE.replace("200", "OK", 1),
        a_line(request="-"),
        a_line(request="GET"),
        a_line(request="GET /"),
        a_line(request=r"\x16\x03\x01"),
        '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 12',  # common, not combined
    ],
)
def test_a_line_that_is_not_in_combined_format_is_none(line: str) -> None:
    assert parse_line(line) is None


@given(st.text())
def test_no_line_is_beyond_the_parser(line: str) -> None:
    parse_line(line)
    parse_line(a_line(agent=line))


@pytest.mark.parametrize("status", [200, 204, 299, 304])
def test_a_get_that_was_answered_is_a_page(status: int) -> None:
    assert skip_reason(a_request(status=status)) is None


@pytest.mark.parametrize("status", [199, 301, 302, 303, 404, 500])
def test_a_get_that_was_not_answered_with_a_page_is_none(status: int) -> None:
    assert skip_reason(a_request(status=status)) == "status"


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "get"])
def test_only_get_asks_for_a_page(method: str) -> None:
    assert skip_reason(a_request(method=method)) == "method"


@pytest.mark.parametrize(
    "target",
    ["/a.css", "/a.PNG", "/a.js?v=1", "/robots.txt", "/x/feed.xml", "//a.svg", "http://example.org/a.gif", "/to/http://example.org/a.gif"],
)
def test_files_are_not_pages(target: str) -> None:
    assert skip_reason(a_request(target)) == "extension"


@pytest.mark.parametrize("target", ["/", "/a", "/a.html", "/a.php?file=b.css", "/v1.2/", "/a.css/", "/?flav=rss20"])
def test_a_request_without_a_listed_extension_is_a_page_view(target: str) -> None:
    assert skip_reason(a_request(target)) is None


def test_an_invalid_url_still_has_an_extension() -> None:
    assert extension("http://[oops/a.png?b") == "png"
