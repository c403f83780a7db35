"""Personal data in a page's events: e-mail addresses, click ids, session secrets, in any encoding."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.collectors import LocalCollector, a_body, an_event
from support.collector.divolte import PARTY, SESSION, a_query
from support.cpu_time import times_as_long

from cleaning.click_ids import CLICK_IDS, PERSONAL_IDS, without_values
from cleaning.emails import MASK, holds_email, mask
from cleaning.urls import UrlRules
from collector.settings import Settings
from collector.sources_file import load_sources
from enrichment.channels import find_channel
from schemas.codec import Record

NAME, DOMAIN = "anna.secret", "mail.example"
SIGNS = ("@", "\uff20", "\ufe6b")


def percent(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


WRITTEN = {
    **{f"{sign!a} encoded {times} times": NAME + percent(sign, times) + DOMAIN for sign in SIGNS for times in range(6)},
    **{f"all encoded {times} times": percent("".join(f"%{ord(sign):02X}" for sign in f"{NAME}@{DOMAIN}"), times) for times in range(3)},
    "encoded two hundred times": f"{NAME}%{'25' * 200}40{DOMAIN}",
    "decimal entity": f"{NAME}&#64;{DOMAIN}",
    "hexadecimal entity with zeros": f"{NAME}&#x00040{DOMAIN}",
    "named entity": f"{NAME}&commat;{DOMAIN}",
    "entity of an entity": f"{NAME}&amp;amp;amp;#64;{DOMAIN}",
    "encoded entity": NAME + percent("&#64;", 2) + DOMAIN,
    "escape of a script": f"{NAME}\\u0040{DOMAIN}",
    "escape of an old script": f"{NAME}%u0040{DOMAIN}",
    "encoded dot": f"{NAME}@mail%2Eexample",
    "ideographic full stop": f"{NAME}@mail\u3002example",
    "full width": "".join(chr(ord(sign) + 0xFEE0) for sign in f"{NAME}@{DOMAIN}"),
    "zero-width space": f"{NAME}\u200b@mail.\u200bexample",
    "soft hyphen": f"anna\u00ad.secret@{DOMAIN}",
    "joiner": f"{NAME}\u200d@{DOMAIN}",
    "tag": f"{NAME}+news@{DOMAIN}",
    "apostrophe": f"o'{NAME}@{DOMAIN}",
    "another in front": f"x@{NAME}@{DOMAIN}",
    "domain of another script": f"{NAME}@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
    "domain with marks": f"{NAME}@\u0921\u093e\u091f\u093e\u092e\u0947\u0932.\u092d\u093e\u0930\u0924",
    "domain in Punycode": f"{NAME}@xn--mller-kva.xn--p1ai",
    "mailto": f"mailto:{NAME}@{DOMAIN}",
    "address of a machine": f"{NAME}@192.0.2.7",
    "literal": f"{NAME}@[IPv6:2001:db8::1]",
    "in brackets": f"<{NAME}@{DOMAIN}>,",
}
ONLY_IN_TEXTS = {"quoted-printable": f"{NAME}=40{DOMAIN}", "backslash in hexadecimal": f"{NAME}\\x40{DOMAIN}"}
NOT_EMAILS = (
    "@anna.secret",
    "vue@3.2.1",
    "pkg@1.2.3-beta1",
    "a@b",
    "5 @ 3.50",
    "50% off @ shop",
    "A & B",
    "100%25",
    "Stra\u00dfe \u2013 Gr\u00f6\u00dfe=40 mm",
    "\U0001f469\u200d\U0001f469\u200d\U0001f466",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "&#9999999;&#xD800;&#99999999999999999999;&commat",
)


def one(**event: Any) -> Record:
    collector = LocalCollector()
    assert collector.send(a_body(an_event(**event))).results == ["ok"]
    return collector.records[0]


def traces(record: Mapping[str, Any]) -> list[str]:
    """Name the fields that still hold a part of the name or the domain."""
    text = {name: unicodedata.normalize("NFKC", json.dumps(value, ensure_ascii=False)) for name, value in record.items()}
    return [name for name, value in text.items() if "secret" in value or DOMAIN in value]


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_an_email_is_masked_wherever_it_occurs_however_it_is_written(written: str) -> None:
    escaped = written.replace("#", "%23").replace("?", "%3F").replace(" ", "%20")
    record = one(
        url=f"https://shop.example/reset/{escaped}/now?utm_term={escaped.replace('&', '%26')}",
        referrer=f"https://letters.test/u/{escaped}",
        target=f"https://shop.example/to/{escaped}",
        title=f"Inbox (2) - {written} - Mail",
        product_id=written,
        parameters={"who": written, "list": [{"deep": f"to {written} or so"}], written: 1},
    )
    assert traces(record) == []
    assert record["page_path"] == f"/reset/{MASK}/now"
    assert record["utm_term"] == MASK
    assert MASK in record["page_title"]
    assert record["page_title"].startswith("Inbox (2) - ")
    assert record["page_title"].endswith(" - Mail")
    assert json.loads(record["parameters"])["list"][0]["deep"].startswith("to ")


@pytest.mark.parametrize("written", ONLY_IN_TEXTS.values(), ids=ONLY_IN_TEXTS)
def test_an_email_in_a_text_only_is_masked_there(written: str) -> None:
    record = one(title=f"Mail for {written}", parameters={"who": written})
    assert traces(record) == []


@pytest.mark.parametrize("text", NOT_EMAILS)
def test_text_that_is_not_an_email_stays(text: str) -> None:
    record = one(title=text, parameters={"k": text})
    assert record["page_title"] == text
    assert json.loads(record["parameters"]) == {"k": text}


def test_a_sites_own_masking_is_switched_off_by_settings_and_urls_stay_masked() -> None:
    email = f"{NAME}@{DOMAIN}"
    collector = LocalCollector(Settings(mask_titles=False, mask_parameters=False))
    collector.send(a_body(an_event(title=email, product_id=email, parameters={"k": email}, url=f"https://a.example/{email}")))
    record = collector.records[0]
    assert (record["page_title"], record["product_id"], record["parameters"]) == (email, email, f'{{"k":"{email}"}}')
    assert record["page_path"] == f"/{MASK}"


@given(st.text(max_size=40), st.sampled_from([*WRITTEN.values()]), st.text(max_size=40))
def test_no_text_around_an_email_keeps_it(before: str, written: str, after: str) -> None:
    assert "secret" not in mask(f"{before} {written} {after}")


@given(st.text(max_size=80))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    assert not holds_email(once) or once == text  # an address with nothing before the @


@pytest.mark.parametrize(
    "part",
    ["a@", "@", "a@b.", "%40", "%25", "&#64;", "a%2540b.de ", "\u3002@", "\ufdfa@", "&amp;", "=40a", "a@b.de", "\\u0040", "&#0", "%u"],
)
def test_no_text_takes_longer_than_its_length_allows(part: str) -> None:
    def clean(length: int) -> None:
        text = (part * length)[:length]
        mask(text)
        without_values(text)
        UrlRules().page(f"https://a.example/{text}")

    assert times_as_long(lambda: clean(8192), lambda: clean(1024)) < 24, "8 is linear, 64 is quadratic"


NO_PARTY: Mapping[str, Mapping[str, Any]] = {
    "denied": {"event": {"is_private": True}},
    "GPC": {"headers": [("Sec-GPC", "1")]},
    "DNT": {"headers": [("DNT", "1")]},
}


def without_party(kind: str, **event: Any) -> Record:
    how = NO_PARTY[kind]
    collector = LocalCollector()
    body = a_body(an_event(**event, **how.get("event", {})))
    assert collector.send(body, headers=how.get("headers", ())).results == ["ok"]
    (record,) = collector.records
    assert record["party_kind"] == "none"
    return record


@pytest.mark.parametrize("kind", NO_PARTY)
@pytest.mark.parametrize("name", CLICK_IDS)
def test_clicks_of_a_visitor_who_opted_out_are_not_distinguished_and_the_channel_stays(kind: str, name: str) -> None:
    value = "Cj0KCQ-canary_7"
    inner = quote(f"https://b.example/?{name}={value}&z=1", safe="")
    record = without_party(
        kind,
        url=f"https://shop.example/r/{inner}?a=1&{name.upper()}={value}&utm_content={inner}",
        referrer=f"https://a.example/x;{name}={value}/y?{name}={value}",
        target=f"https://c.example/?{name}={value}",
        parameters={name: value, "link": f"/?{name}={value}#x", "list": [{"deep": {name: {"of": value}}}], "other": "kept"},
    )
    assert [field for field, content in record.items() if value in str(content)] == []
    assert f"{name.upper()}=" in record["page_url"]
    assert record["click_id"] == name
    parameters = json.loads(record["parameters"])
    assert (parameters[name], parameters["other"], parameters["link"]) == ("", "kept", f"/?{name}=#x")
    page = ("shop.example", None, None, None, None, None)
    assert find_channel(*page, record["click_id"]) == find_channel(*page, f"{name}:{value}")


def test_a_click_id_stays_whole_without_an_opt_out() -> None:
    record = one(url="https://shop.example/?ScCid=abc", parameters={"gclid": "x", "link": "/?gclid=y"})
    assert (record["click_id"], record["page_url"]) == ("sccid:abc", "https://shop.example/?ScCid=abc")
    assert json.loads(record["parameters"]) == {"gclid": "x", "link": "/?gclid=y"}


@pytest.mark.parametrize("name", PERSONAL_IDS)
def test_a_click_id_of_one_person_is_in_no_url_and_never_kept_for_visitors_who_opted_out(name: str) -> None:
    assert "canary" not in one(url=f"https://shop.example/?{name}=canary")["page_url"]
    record = without_party("GPC", parameters={name: "canary", "link": f"https://a.example/?x=1&{name}=canary"})
    assert "canary" not in record["parameters"]


@pytest.mark.parametrize(
    ("query", "click_id"),
    [
        ("gad_source=1&gad_campaignid=5", "gad_source:1"),
        ("gad_source=1&gclid=abc", "gclid:abc"),
        ("_kx=canary", "_kx"),
        ("ScCid=abc", "sccid:abc"),
        ("gclid=", "gclid"),
        ("gclid=&msclkid=x", "msclkid:x"),
        ("q=gclid", None),
    ],
)
def test_a_click_is_known_by_its_id_or_else_by_its_mark(query: str, click_id: str | None) -> None:
    record = one(url=f"https://shop.example/?{query}")
    assert record["click_id"] == click_id
    assert "canary" not in str(record)


@pytest.mark.parametrize("header", [("Sec-GPC", "1"), ("DNT", "1")])
def test_divoltes_pixel_and_json_leave_click_ids_out_too(header: tuple[str, str]) -> None:
    collector = LocalCollector()
    pixel = a_query(
        l="https://shop.example/?gclid=canary", r="https://a.example/;gclid=canary", u="(sgclid!canary!slink!/?fbclid=canary!sk!v!)"
    )
    assert collector.send(method="GET", path="/csc-event", query=pixel, headers=[header]).status == 200
    (record,) = collector.records
    assert "canary" not in str(record)
    assert (record["click_id"], json.loads(record["parameters"])) == ("gclid", {"gclid": "", "link": "/?fbclid=", "k": "v"})


def test_divoltes_pixel_masks_emails() -> None:
    collector = LocalCollector()
    collector.send(method="GET", path="/csc-event", query=a_query(u=f"(swho!{NAME}@{DOMAIN}!)", l=f"https://a.example/{NAME}%2540{DOMAIN}"))
    (record,) = collector.records
    assert traces(record) == []
    assert (record["party_id"], record["session_id"]) == (PARTY, SESSION)


SECRET = "A1B2C3D4E5F6.node1"
PATHS = (
    ("/shop/cart;jsessionid={}", "/shop/cart"),
    ("/shop;JSESSIONID={}/cart", "/shop/cart"),
    ("/;jsessionid={}", "/"),
    ("/shop/cart;v=1;jsessionid={};w=2", "/shop/cart;v=1;w=2"),
    ("/shop/cart;jsessionid={}!-1234!5678", "/shop/cart"),
    ("/shop/cart%3Bjsessionid={}", "/shop/cart"),
    ("/shop/cart%253bjsessionid%253D{}", "/shop/cart"),
    ("/shop/cart;jsessionid", "/shop/cart"),
    ("/a;PHPSESSID={}", "/a"),
    ("/a;sid={}/b", "/a/b"),
    ("/a;osCsid={}", "/a"),
    ("/a;session_id={}", "/a"),
    ("/a;ASPSESSIONIDQQGGQ={}", "/a"),
    ("/a;access_token={}", "/a"),
    ("/a;CFID=1;CFTOKEN={}", "/a"),
    ("/index.cfm/cfid/1/cftoken/{}/x", "/index.cfm/x"),
    ("/PHPSESSID={}/x", "/x"),
    ("/sid={}", "/"),
    ("/jsessionid/{}/x", "/x"),
    ("/a;zenid={}", "/a"),
    ("/a,sid={}/b", "/a/b"),
    ("/a&sid={}&page=2", "/a&page=2"),
    ("/a!jsessionid={}", "/a"),
    ("/a%2Csession_id%3D{}", "/a"),
    ("/index.php/sid/9f3c0b7a1e5d4c6b8a2f/x", "/index.php/x"),
    ("/shop/osCsid/9f3c0b7a1e5d4c6b8a2f9f3c0b7a1e5d", "/shop"),
    ("/sessionid/9f3c0b7a1e5d4c6b8a2f/x", "/x"),
    ("/(S(lit3py55t21z5v55vlm25s55))/orders.aspx", "/orders.aspx"),
    ("/app/(A(xyz)S(lit3py55t21z5v55vlm25s55)F(abc))/orders.aspx", "/app/orders.aspx"),
    ("/app/%28S%28lit3py55t21z5v55vlm25s55%29%29/orders.aspx", "/app/orders.aspx"),
    ("/app/(lit3py55t21z5v55vlm25s55)/orders.aspx", "/app/orders.aspx"),
    ("/sap(bD1lbiZjPTAwMQ==)/bc/bsp", "/sap/bc/bsp"),
)
PLAIN_PATHS = (
    "/obsession",
    "/sessions/2026/talk",
    "/(parentheses)/x",
    "/wiki/Rust_(programming_language)",
    "/a;v=1",
    "/maps/@52.5,13.4,17z",
    "/token",
    "/inside;x=1",
    "/S(x)/y",
    "/therapy,session",
    "/a&token",
    "/bands/sid/vicious",
    "/sid/the-story-of-sid-vicious-1979",
    "/sid/abcdefghijklmnopqrstuvwxyz",
)


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_the_secret_of_a_session_is_in_no_path_and_splits_no_page(path: str, expected: str) -> None:
    url = f"https://shop.example{path.format(SECRET)}"
    record = one(url=f"{url}?utm_source=x#top", referrer=f"{url}?y", target=url)
    assert record["page_path"] == expected
    assert record["page_url"] == f"https://shop.example{expected}?utm_source=x"
    assert record["referrer"] == record["target"] == f"https://shop.example{expected}"


@pytest.mark.parametrize("path", PLAIN_PATHS)
def test_a_path_that_holds_no_session_stays(path: str) -> None:
    assert one(url=f"https://shop.example{path}")["page_path"] == path


UNSEEN = "\u202e\u202c\u2066\u2069\u200e\u200f\u061c\u200b\u2060\ufeff\u2028\U000e0041"
JOINED = "\U0001f469\u200d\U0001f469\u200d\U0001f466\ufe0f \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 co\u00adop"


@pytest.mark.parametrize("sign", UNSEEN)
def test_characters_that_reorder_or_hide_are_removed_and_flagged(sign: str) -> None:
    record = one(title=f"gpj{sign}txt", parameters={f"k{sign}": f"v{sign}"}, url=f"https://a.example/{quote(sign)}/x")
    assert (record["page_title"], record["parameters"], record["is_cleaned"]) == ("gpjtxt", '{"k":"v"}', True)
    assert record["page_path"] == f"/{quote(sign)}/x"


def test_characters_that_join_words_and_emoji_stay() -> None:
    record = one(title=JOINED)
    assert (record["page_title"], record["is_cleaned"]) == (JOINED, False)


def json_event(**parameters: Any) -> bytes:
    identifiers = {"event_id": "e1", "session_id": SESSION, "party_id": PARTY, "is_new_party": True, "is_new_session": True}
    return json.dumps(
        {**identifiers, "event_type": "pageView", "client_timestamp_iso": "2026-01-01T00:00:00Z", "parameters": parameters}
    ).encode()


@pytest.mark.parametrize(("headers", "click"), [((), "canary"), ((("Sec-GPC", "1"),), ""), ((("DNT", "1"),), "")])
def test_an_event_of_a_server_is_masked_and_leaves_click_ids_out(headers: Sequence[tuple[str, str]], click: str, tmp_path: Path) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text('[server]\nkind = "divolte_json"\nevent_path = "/json"\n')
    collector = LocalCollector(sources=load_sources(sources))
    body = json_event(who=f"{NAME}%2540{DOMAIN}", gclid="canary", link="/?fbclid=canary")
    assert collector.send(body, path="/json", headers=[("Content-Type", "application/json"), *headers]).status == 204
    (record,) = collector.records
    assert json.loads(record["parameters"]) == {"who": MASK, "gclid": click, "link": f"/?fbclid={click}"}


def test_a_text_of_very_many_emails_is_removed_whole() -> None:
    emails = [f"{NAME}{number}@{DOMAIN}" for number in range(110)]
    record = one(title=" ".join(emails), url=f"https://a.example/{'/'.join(emails)}?utm_term={'/'.join(emails)}")
    assert (record["page_title"], record["page_path"]) == (MASK, f"/{MASK}")
    assert traces(record) == []
