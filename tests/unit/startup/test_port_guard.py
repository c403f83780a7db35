"""Requests that a port without a login accepts: none that a web page of another site can send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidruid.access import denial_body
from minidruid.settings import Settings
from startup.port_guard import REASONS, PortGuard, RequestHead
from startup.settings import SettingsError

GUARD = PortGuard("HEADRACE_SAMPLE_ALLOWED_HOSTS", ("collector", "sql.example.com"))
SQL = PortGuard("HEADRACE_SAMPLE_ALLOWED_HOSTS", is_json_only=True)
WITH_TOKEN = PortGuard("HEADRACE_SAMPLE_ALLOWED_HOSTS", token="s3cret-token", open_paths=("/status/health",))


def reason(guard: PortGuard, *headers: tuple[str, str], method: str = "GET", target: str = "/", version: str = "1.1") -> str:
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    denial = guard.check(RequestHead(method, target, version, fields))
    return denial.reason if denial else ""


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8888", "LocalHost", "localhost.", "localhost.:8888", "shop.localhost", "127.0.0.1", "127.0.0.1:",
        "127.9.9.9:1",
        "192.168.1.20:8888", "0.0.0.0:8888", "[::1]:8888", "[::ffff:127.0.0.1]", "[2001:DB8::7]", "collector", "COLLECTOR.:8291",
        "sql.example.com", "localhost \t",
    ],
)  # fmt: skip
def test_localhost_ips_and_configured_names_are_answered(host: str) -> None:
    assert reason(GUARD, ("Host", host)) == ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8888", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost", "localhost.evil",
        "xlocalhost",
        "localhost..", "collector.evil.example", "evil.sql.example.com", "example.com", "", ":8888", ".", "127.1", "0x7f.1", "0x7f000001",
        "2130706433", "017700000001", "127.000.000.001", "127.0.0.1.nip.io", "[127.0.0.1]", "[v1.a]", "%6cocalhost",
        "localhost%00.evil.example",
        "xn--localhost-1.evil", "1.2.3.4.5", "256.0.0.1", "loc\xe4lhost",
    ],
)  # fmt: skip
def test_other_names_are_not_answered(host: str) -> None:
    assert reason(GUARD, ("Host", host)) in ("foreign_host", "malformed_request")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Host", "localhost"), ("Host", "localhost")),
        (("Host", "localhost"), ("Host", "evil.example")),
        (("Host", "evil.example"), ("Host", "localhost")),
        (("Host", "a" * 1025),),
        (("Host", "jo@localhost"),),
        (("Host", "localhost@evil.example"),),
        (("Host", "localhost, evil.example"),),
        (("Host", "localhost/evil"),),
        (("Host", "localhost:80:80"),),
        (("Host", "localhost:80@evil.example"),),
        (("Host", "::1"),),
        (("Host", "[::1"),),
        (("Host", "[fe80::1%25eth0]"),),
        (("Host", "http://localhost"),),
    ],
)
def test_a_request_has_one_host_and_a_valid_one(headers: tuple[tuple[str, str], ...]) -> None:
    assert reason(GUARD, *headers) == "malformed_request"


def test_http_1_0_may_name_no_host_and_older_and_newer_versions_are_refused() -> None:
    assert reason(GUARD, version="1.0") == ""
    assert reason(GUARD, ("Host", "evil.example"), version="1.0") == "foreign_host"
    assert [reason(GUARD, ("Host", "localhost"), version=version) for version in ("0.9", "1.2", "2.0", "2")] == ["malformed_request"] * 4


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://localhost/ledger", ""),
        ("http://evil.example/ledger", "foreign_host"),
        ("http://localhost@evil.example/", "foreign_host"),
        ("http://evil.example:80?http://localhost/", "foreign_host"),
        ("http:///ledger", "foreign_host"),
        ("/?u=http://evil.example/", ""),
        ("*", ""),
    ],
)
def test_a_whole_url_as_target_names_a_host_too(target: str, expected: str) -> None:
    assert reason(GUARD, ("Host", "localhost"), target=target) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (("Origin", "http://localhost:8888"), ""),
        (("Origin", "HTTPS://LOCALHOST:8888"), ""),
        (("Origin", "http://localhost"), "not_for_pages"),
        (("Origin", "http://localhost:3000"), "not_for_pages"),
        (("Origin", "http://127.0.0.1:8888"), "not_for_pages"),
        (("Origin", "null"), "not_for_pages"),
        (("Origin", ""), "not_for_pages"),
        (("Origin", "localhost:8888"), "not_for_pages"),
        (("Origin", "file://"), "not_for_pages"),
        (("Origin", "chrome-extension://localhost:8888"), "not_for_pages"),
        (("Origin", "http://localhost:8888, http://evil.example"), "not_for_pages"),
        (("Origin", "http://evil.example/localhost:8888"), "not_for_pages"),
        (("Sec-Fetch-Site", "cross-site"), "not_for_pages"),
        (("Sec-Fetch-Site", "same-site"), "not_for_pages"),
        (("Sec-Fetch-Site", "same-origin"), ""),
        (("Sec-Fetch-Site", "none"), ""),
        (("Sec-Fetch-Site", ""), "not_for_pages"),
    ],
)
def test_pages_of_another_origin_are_refused(header: tuple[str, str], expected: str) -> None:
    assert reason(GUARD, ("Host", "localhost:8888"), header) == expected


def test_the_last_of_several_origins_does_not_hide_the_first() -> None:
    origins = (("Origin", "http://evil.example"), ("Origin", "http://localhost"))
    assert [reason(GUARD, ("Host", "localhost"), *order) for order in (origins, origins[::-1])] == ["not_for_pages"] * 2


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("application/json",), ""),
        (("Application/JSON; charset=utf-8",), ""),
        (("application/json;",), ""),
        ((), "not_json"),
        (("",), "not_json"),
        (("text/plain",), "not_json"),
        (("text/plain;application/json",), "not_json"),
        (("text/plain, application/json",), "not_json"),
        (("application/json, text/plain",), "not_json"),
        (("application/jsonx",), "not_json"),
        (("application/x-www-form-urlencoded",), "not_json"),
        (("multipart/form-data; boundary=application/json",), "not_json"),
        (("application/json", "application/json"), "not_json"),
        (("text/plain", "application/json"), "not_json"),
    ],
)
def test_statements_are_taken_as_json_only(types: tuple[str, ...], expected: str) -> None:
    given = [("Content-Type", value) for value in types]
    assert reason(SQL, ("Host", "localhost"), *given, method="POST") == expected
    assert reason(SQL, ("Host", "localhost"), *given, method="DELETE") == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("Bearer s3cret-token",), ""),
        (("bearer  s3cret-token ",), ""),
        ((), "no_token"),
        (("",), "no_token"),
        (("Bearer",), "no_token"),
        (("Bearer ",), "no_token"),
        (("Bearer s3cret-toke",), "no_token"),
        (("Bearer s3cret-token2",), "no_token"),
        (("Bearer S3CRET-TOKEN",), "no_token"),
        (("Basic s3cret-token",), "no_token"),
        (("s3cret-token",), "no_token"),
        (("Bearer \xff",), "no_token"),
        (("Bearer s3cret-token", "Bearer other"), "no_token"),
    ],
)
def test_a_port_with_a_token_takes_none_without_it(values: tuple[str, ...], expected: str) -> None:
    given = [("Authorization", value) for value in values]
    assert reason(WITH_TOKEN, ("Host", "localhost"), *given) == expected
    assert reason(WITH_TOKEN, ("Host", "localhost"), *given, target="/status/health") == ""


@given(
    st.lists(st.tuples(st.sampled_from(["Host", "Origin", "Sec-Fetch-Site", "Content-Type"]), st.text(st.characters(max_codepoint=255)))),
    st.text(),
)
def test_every_request_has_a_response_of_the_closed_set(headers: list[tuple[str, str]], target: str) -> None:
    found = SQL.check(RequestHead("POST", target, "1.1", [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]))
    assert found is None or (found.reason in REASONS and found.to_json() and denial_body(found))


def test_the_names_in_settings_are_names() -> None:
    read = Settings.read({"HEADRACE_MINIDRUID_ALLOWED_HOSTS": " SQL.example.com., store ,"})
    assert read.allowed_hosts == ("sql.example.com", "store")
    for wrong in ("http://store", "store:8888", "*", "*.example.com", "a/b", "store example"):
        with pytest.raises(SettingsError, match=r"HEADRACE_MINIDRUID_ALLOWED_HOSTS: .*not a valid host name"):
            Settings.read({"HEADRACE_MINIDRUID_ALLOWED_HOSTS": wrong})
