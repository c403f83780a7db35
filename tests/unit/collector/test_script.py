"""The scripts that the collector serves, and their embedded configuration."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.collector.collectors import Answer, LocalCollector
from support.collector.divolte import a_source

from collector.endpoints.divolte_tag import script
from collector.endpoints.script import STATIC, Script
from collector.errors import StartError
from collector.sources import Source

CORE = (STATIC / "headrace.js").read_bytes()


def served(source: Source, **more: Any) -> Answer:
    assert source.script_path
    return LocalCollector(sources=[source]).send(method="GET", path=source.script_path, **more)


def settings_in(text: str) -> dict[str, Any]:
    """The configuration of Divolte's tag."""
    (configuration,) = re.findall(r'\{"source":.*?\}', text)
    settings = json.loads(configuration)
    assert isinstance(settings, dict)
    return settings


def test_the_script_is_the_built_file_and_can_be_taken_by_any_page() -> None:
    answer = LocalCollector().send(method="GET", path="/headrace.js")
    assert (answer.status, answer.body) == (200, CORE)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["etag"] == f'"{hashlib.sha256(CORE).hexdigest()[:32]}"'


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ([], False),
        ([""], False),
        (["gzip, br"], True),
        (["GZIP"], True),
        (["x-gzip"], True),
        (["br", "gzip"], True),
        (["br;q=1.0, gzip;q=0.001"], True),
        (["br , gzip ; q=1 "], True),
        (["*"], True),
        (["identity;q=0, *"], True),
        (["identity;q=0.5, gzip;q=0.5"], True),
        (["gzip;q=0"], False),
        (["gzip;Q=0.000, *"], False),
        (["gzip;q=0", "br"], False),
        (["*;q=0"], False),
        (["br, *;q=0"], False),
        (["identity, gzip;q=0.9"], False),
        (["identity;q=0"], False),  # nothing we have is taken
        (["br, notgzip"], False),
        (["gzip;q=x"], False),
        (["gzip;level=9"], False),
        (["gzip\xe9"], False),
    ],
)
def test_the_script_comes_compressed_where_that_is_wanted(accepted: list[str], is_compressed: bool) -> None:
    answer = LocalCollector().send(method="GET", path="/headrace.js", headers=[("accept-encoding", line) for line in accepted])
    assert (answer.status, answer.headers["vary"]) == (200, "Accept-Encoding")
    assert answer.headers.get("content-encoding") == ("gzip" if is_compressed else None)
    assert (gzip.decompress(answer.body) if is_compressed else answer.body) == CORE


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_browser_with_the_current_script_gets_304(encoding: str) -> None:
    collector = LocalCollector()
    headers = [("accept-encoding", encoding)]
    tag = collector.send(method="GET", path="/headrace.js", headers=headers).headers["etag"]
    answer = collector.send(method="GET", path="/headrace.js", headers=[*headers, ("if-none-match", f'W/"other", {tag}')])
    assert (answer.status, answer.body, answer.headers["vary"]) == (304, b"", "Accept-Encoding")


def test_a_source_may_have_the_full_build() -> None:
    source = Source(name="a", kind="tracker", event_path="/h", script_path="/headrace.js", full_script=True)
    assert served(source).body == (STATIC / "headrace-full.js").read_bytes()


@pytest.mark.parametrize(
    ("script_path", "event_path", "suffix"),
    [("/s.js", "/e", "e"), ("/js/s.js", "/js/e", "e"), ("/js/s.js", "/e/v", "../e/v"), ("/s.js", "/a/b", "a/b")],
)
@pytest.mark.parametrize("full", [False, True])
def test_the_tracker_gets_the_path_of_events_next_to_its_own(script_path: str, event_path: str, suffix: str, full: bool) -> None:
    text = served(Source(name="a", kind="tracker", event_path=event_path, script_path=script_path, full_script=full)).body.decode()
    assert text.count(f'new URL("{suffix}",') == 1


def test_divoltes_tag_gets_the_names_of_its_source() -> None:
    source = a_source(
        script_path="/js/tag.js",
        event_path="/js/events",
        party_cookie="p1",
        party_timeout_seconds=11,
        session_cookie="s1",
        session_timeout_seconds=12,
        cookie_domain="shop.example",
        auto_page_view=False,
    )
    assert settings_in(served(source).body.decode()) == {
        "source": "divolte",
        "scriptName": "tag.js",
        "eventSuffix": "events",
        "partyCookie": "p1",
        "partyTimeout": 11,
        "sessionCookie": "s1",
        "sessionTimeout": 12,
        "cookieDomain": "shop.example",
        "autoPageView": False,
    }


def test_divoltes_tag_has_divoltes_names_by_default() -> None:
    configuration = settings_in(LocalCollector().send(method="GET", path="/divolte.js").body.decode())
    assert configuration == {
        "source": "divolte",
        "scriptName": "divolte.js",
        "eventSuffix": "csc-event",
        "partyCookie": "_dvp",
        "partyTimeout": 63_072_000,
        "sessionCookie": "_dvs",
        "sessionTimeout": 1800,
        "cookieDomain": "",
        "autoPageView": True,
    }


@pytest.mark.parametrize("kind", ["tracker", "divolte_tag"])
def test_the_sites_own_script_comes_after_ours_and_changes_the_tag(tmp_path: Path, kind: str) -> None:
    custom = tmp_path / "own.js"
    custom.write_text("window.own = 'é'\n")
    plain = served(a_source(kind, script_path="/s.js"))
    extended = served(a_source(kind, script_path="/s.js", custom_script=custom))
    assert extended.body == plain.body + custom.read_bytes()
    assert extended.headers["etag"] != plain.headers["etag"]


def test_a_source_without_a_script_path_serves_none() -> None:
    assert LocalCollector(sources=[a_source()]).send(method="GET", path="/divolte.js").status == 404


def test_a_script_that_was_not_built_is_reported(tmp_path: Path) -> None:
    source = a_source(script_path="/divolte.js")
    with pytest.raises(StartError, match="build the tracker of this version"):
        Script(source, script(source), tmp_path)


def test_a_build_of_another_version_is_reported(tmp_path: Path) -> None:
    (tmp_path / "divolte.js").write_text("(() => {})()")
    source = a_source(script_path="/divolte.js")
    with pytest.raises(StartError, match="DIVOLTE_SETTINGS must occur once"):
        Script(source, script(source), tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_an_own_script_that_cannot_be_read_is_reported(tmp_path: Path, content: bytes | None) -> None:
    custom = tmp_path / "own.js"
    if content:
        custom.write_bytes(content)
    source = a_source(script_path="/divolte.js", custom_script=custom)
    with pytest.raises(StartError, match=r"own\.js: .*; it is the custom_script of \[divolte\]"):
        Script(source, script(source))
