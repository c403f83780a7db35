"""The file that describes the sources of events."""

from pathlib import Path

import pytest
from support.collector.collectors import LocalCollector, a_body

from collector.settings import Settings
from collector.source_registry import SOURCE_KINDS
from collector.sources import Copy, Source
from collector.sources_file import load_sources
from schemas.contract import SCHEMA_PATH
from startup.settings import SettingsError

MAPPING = SCHEMA_PATH.parents[1] / "mapping" / "clickstream.py"


def sources_of(path: Path, text: str) -> tuple[Source, ...]:
    file = path / "sources.toml"
    file.write_text(text)
    return load_sources(file)


def test_without_a_file_there_are_the_tracker_and_the_tag_of_divolte() -> None:
    assert [(source.name, source.kind, source.event_path, source.script_path) for source in load_sources(Settings().sources_file)] == [
        ("browser", "tracker", "/h", "/headrace.js"),
        ("divolte", "divolte_tag", "/csc-event", "/divolte.js"),
    ]


def test_a_source_has_the_site_of_its_name_and_files_beside_the_file(tmp_path: Path) -> None:
    (source,) = sources_of(
        tmp_path,
        '[shop]\nkind = "divolte_json"\nevent_path = "/"\nmapping_file = "shop.py"\n'
        'copy = {topic = "old", mapping_file = "m.py", schema_file = "s.avsc"}',
    )
    assert (source.site, source.mapping_file, source.schema_file) == ("shop", tmp_path / "shop.py", None)
    assert source.copy_to == Copy(topic="old", mapping_file=tmp_path / "m.py", schema_file=tmp_path / "s.avsc")


FAULTY = """
lone = 1
[Shop]
kind = "tracker"
event_path = "/a"
[one]
kind = "pixel"
event_path = "b"
evnt_prefix = "x"
[two]
event_path = "/c"
copy = {topic = "t", mapping = "m"}
[three]
kind = "tracker"
event_path = "/c"
[four]
kind = "tracker"
event_path = "/d"
script_path = "/c"
"""


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        sources_of(tmp_path, FAULTY)
    faults = "\n".join(fault.removeprefix(f"{tmp_path}/") for fault in raised.value.faults)
    assert (
        faults
        == f"""\
sources.toml: lone is outside of a table; a source is a table [name] with its keys
sources.toml, [Shop]: the name of a source is 1 to 32 of a-z, 0-9, _ and -, and not 'replay'
sources.toml, [one]: kind: must be one of {", ".join(SOURCE_KINDS)}, not 'pixel'
sources.toml, [one]: event_path: String should match pattern '^/([A-Za-z0-9_./-]*[A-Za-z0-9_-])?$', not 'b'
sources.toml, [one]: there is no key 'evnt_prefix'; did you mean 'event_prefix'?
sources.toml, [two]: kind is missing
sources.toml, [two]: copy.mapping_file is missing
sources.toml, [two]: copy.schema_file is missing
sources.toml, [two]: there is no key 'copy.mapping'; did you mean 'mapping_file'?
sources.toml: [three], [four]: /c is used more than once; each source has its own paths"""
    )


@pytest.mark.parametrize(("word", "kind"), [("browser", "divolte_tag"), ("json", "divolte_json")])
def test_former_names_of_source_kinds_are_accepted(tmp_path: Path, word: str, kind: str) -> None:
    [source] = sources_of(tmp_path, f'[a]\nkind = "{word}"\nevent_path = "/a"\n')
    assert source.kind == kind


@pytest.mark.parametrize("text", ["[a", "\0"])
def test_invalid_toml_is_reported_with_its_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"sources\.toml: "):
        sources_of(tmp_path, text)


def test_a_copy_goes_to_another_topic(tmp_path: Path) -> None:
    text = '[a]\nkind = "tracker"\nevent_path = "/"\ntopic = "t"\ncopy = {topic = "t", mapping_file = "m", schema_file = "s"}'
    with pytest.raises(SettingsError, match="a copy goes to another topic than the source's own"):
        sources_of(tmp_path, text)


def test_a_source_has_a_topic_of_its_own() -> None:
    source = Source(name="shop", kind="tracker", event_path="/shop", topic="orders")
    collector = LocalCollector(sources=[source])
    assert collector.send(a_body(), path="/shop").status == 200
    assert [len(collector.topics[name].messages) for name in (None, "orders")] == [0, 1]


@pytest.mark.parametrize(
    ("keys", "faults"),
    [
        ('kind = "divolte_json"', "a server has no cookies"),
        ('kind = "tracker"', "lists its origins in allowed_origins"),
        ('kind = "tracker"\nallowed_origins = ["*", "https://a.example"]', "lists its origins in allowed_origins"),
        ('kind = "divolte_tag"\nallowed_origins = ["https://a.example"]\nparty_cookie = "__Host-party"', "choose another name"),
        ('kind = "divolte_tag"\nallowed_origins = ["https://a.example"]\ncompatibility = "strict"', "leave out compatibility"),
    ],
)
def test_a_cookie_that_could_not_work_is_a_fault(tmp_path: Path, keys: str, faults: str) -> None:
    with pytest.raises(SettingsError, match=faults):
        sources_of(tmp_path, f'[a]\n{keys}\nevent_path = "/a"\nserver_cookie = "__Host-party"')


@pytest.mark.parametrize("name", ["__Host-party", "__host-party"])
def test_a_cookie_of_the_host_alone_has_no_domain(tmp_path: Path, name: str) -> None:
    keys = 'kind = "tracker"\nallowed_origins = ["https://a.example"]\ncookie_domain = "a.example"'
    with pytest.raises(SettingsError, match="leave out cookie_domain"):
        sources_of(tmp_path, f'[a]\n{keys}\nevent_path = "/a"\nserver_cookie = "{name}"')


def test_a_name_of_a_cookie_is_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="server_cookie: "):
        sources_of(tmp_path, '[a]\nkind = "tracker"\nevent_path = "/a"\nserver_cookie = "a;b"')


A_TRACKER = '[page]\nkind = "tracker"\nevent_path = "/h"\n'


@pytest.mark.parametrize(("own", "settings"), [('sites = ["shop", "blog"]', {}), ("", {"sites": "shop,blog"})])
def test_a_source_takes_the_sites_that_are_listed_and_no_other(tmp_path: Path, own: str, settings: dict[str, str]) -> None:
    sources = sources_of(tmp_path, A_TRACKER + own)
    collector = LocalCollector(Settings.model_validate(settings), sources=sources)
    assert [collector.send(a_body(site=site)).status for site in ("shop", "blog", "Shop", "shop.", "other")] == [200, 200, 403, 403, 403]
    answer = collector.send(a_body(site="other"))
    assert answer.json["reason"] == "site_not_allowed"
    assert answer.headers["access-control-allow-origin"] == "*"  # the page may read it, and stops
    assert collector.rejections == ["site_not_allowed"] * 4
    assert collector.app.metrics.refused == {"site_not_allowed": 4}
    assert collector.send(a_body(site="other"), internal=True).status == 200  # a trusted source
    assert collector.send(method="GET", path="/warnings", internal=True).json == {"warnings": []}


def test_the_sites_of_a_source_come_before_those_of_all(tmp_path: Path) -> None:
    collector = LocalCollector(Settings(sites=("shop",)), sources=sources_of(tmp_path, A_TRACKER + 'sites = ["blog"]'))
    assert [collector.send(a_body(site=site)).status for site in ("shop", "blog")] == [403, 200]


def test_a_source_without_sites_takes_any_and_is_warned_of() -> None:
    collector = LocalCollector()
    assert collector.send(a_body(site="whatever")).status == 200
    (warning,) = collector.send(method="GET", path="/warnings", internal=True).json["warnings"]
    assert warning.startswith("source browser takes events of any site; ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (A_TRACKER + 'sites = ["a b"]', "sites.0: String should match pattern"),
        (A_TRACKER + 'sites = "shop"', "sites: Input should be a valid tuple"),
        (
            '[tag]\nkind = "divolte_tag"\nevent_path = "/csc-event"\nsites = ["shop"]',
            "sites: only events of kind tracker name a",
        ),
    ],
)
def test_sites_that_no_event_can_name_are_a_fault(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        sources_of(tmp_path, text)


def test_sites_of_the_settings_are_checked_as_well() -> None:
    with pytest.raises(SettingsError, match="HEADRACE_COLLECTOR_SITES"):
        Settings.read({"HEADRACE_COLLECTOR_SITES": "shop,a b"})
