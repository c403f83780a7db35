"""Divolte's mappings at work: translated, loaded and given events of its tag, they write the documented records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # the package carries no types
from support.collector.collectors import LocalCollector
from support.collector.divolte import DATA, a_query, a_source, inputs_as_json, mincode_of

from cleaning.urls import UrlRules
from collector.encoders import loader
from collector.source_kind import EncoderKey, Encoders
from collector.sources import TRUSTED
from enrichment.place import Places
from mapping.migrate import migrate
from mapping.migrate.names import FUNCTIONS, METHODS, TYPES, Kind, Signature
from schemas.codec import Decoder

MAPPINGS = DATA / "mappings"
LONDON = {"country": {"iso_code": "GB", "names": {"en": "United Kingdom"}}, "city": {"names": {"en": "London"}}}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    path = tmp_path_factory.mktemp("places") / "places.mmdb"
    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-City", languages=["en"], description="test")
    writer.insert_network(IPSet(["81.2.69.0/24"]), LONDON)
    writer.to_db_file(str(path))
    return Places(path)


def a_schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "Event",
        "fields": [{"name": name, "type": ["null", kind], "default": None} for name, kind in fields.items()],
    }


def records(
    directory: Path, name: str, events: Sequence[dict[str, Any]], fields: Mapping[str, Any], places: Places
) -> list[dict[str, Any]]:
    """Migrate a mapping, send it events as Divolte's tag does, and return the fields of their records that are not null."""
    migration = migrate((MAPPINGS / f"{name}.groovy").read_text("utf-8"), f"{name}.groovy")
    assert migration.faults == ()
    (directory / "mapping.py").write_text(migration.text, "utf-8")
    (directory / "schema.avsc").write_text(json.dumps(a_schema(fields)), "utf-8")
    encode = loader.load(
        directory / "mapping.py", directory / "schema.avsc", UrlRules(), kind="divolte_tag", is_strict=True, find_place=places.find
    )
    source = a_source(compatibility="strict")
    encoders = {
        EncoderKey(source.name, "divolte_tag"): encode,
        EncoderKey(source.name, "tracker"): inputs_as_json,
        EncoderKey(TRUSTED, "tracker"): inputs_as_json,
    }
    collector = LocalCollector(sources=[source], encoders=Encoders(encoders))
    for event in events:
        send(collector, event)
    decoder = Decoder([a_schema(fields)])
    decoded = [decoder.decode(message.value) for message in collector.topic.messages]
    return [{name: value for name, value in record.items() if value is not None} for record in decoded]


def send(collector: LocalCollector, event: dict[str, Any]) -> None:
    changes = dict(event.get("query", {}))
    if "parameters" in event:
        changes["u"] = mincode_of(event["parameters"])
    answer = collector.send(
        method="GET",
        path="/csc-event",
        query=a_query(**changes),
        headers=event.get("headers", ()),
        client=(event.get("client", "192.0.2.77"), 5000),
    )
    assert "x-event-rejected" not in answer.headers


@pytest.mark.parametrize("name", sorted(path.stem for path in MAPPINGS.glob("*.groovy")))
def test_a_migrated_mapping_writes_the_documented_records(tmp_path: Path, places: Places, name: str) -> None:
    example = json.loads((MAPPINGS / f"{name}.json").read_text("utf-8"))
    written = records(tmp_path, name, example["events"], example["fields"], places)
    assert written == [plain(event["record"], example["fields"]) for event in example["events"]]


def plain(record: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes are hexadecimal in the file."""
    return {name: bytes.fromhex(value) if fields[name] == "bytes" else value for name, value in record.items()}


STARTS = {
    Kind.TEXT: "eventType()",
    Kind.NUMBER: "timestamp()",
    Kind.BOOLEAN: "corrupt()",
    Kind.HEADER: "header('a')",
    Kind.LIST: "parse(location()).to(uri).query().valueList('a')",
    Kind.JSON: "eventParameters()",
    Kind.URI: "parse(location()).to(uri)",
    Kind.QUERY: "parse(location()).to(uri).query()",
    Kind.MATCH: "match('.*')",
    Kind.MATCHER: "match('.*').against(eventType())",
    Kind.AGENT: "userAgent()",
    Kind.PLACE: "ip2geo()",
    Kind.DIGEST: "digest('sha-256')",
    Kind.BYTES: "digest('sha-256').result()",
}
ARGUMENTS = {
    **dict.fromkeys(("parse", "against", "equalTo", "add"), "eventType()"),
    **dict.fromkeys(("and", "or", "not"), "duplicate()"),
    **dict.fromkeys(("get", "group"), "0"),
    "path": "'$.a'",
    "digest": "'sha-256'",
}


def called(name: str, word: Signature) -> str:
    return f"{name}({ARGUMENTS.get(name, repr('a')) if word.min_arguments else ''})"


@pytest.mark.parametrize("kind", STARTS)
def test_every_method_is_there_in_the_language(tmp_path: Path, kind: Kind) -> None:
    start = STARTS[kind]
    typed = [name for name in METHODS[kind] if name != "equalTo" or kind is Kind.TEXT]
    assert evaluated(tmp_path, [f"{start}.{called(name, METHODS[kind][name])}" for name in typed]) == []


def test_every_function_and_type_is_there_in_the_language(tmp_path: Path) -> None:
    functions = [called(name, word) for name, word in FUNCTIONS.items() if word.kind not in (Kind.PARSE, Kind.MATCH)]
    assert evaluated(tmp_path, [*functions, *(f"parse(eventType()).to({name})" for name in TYPES)]) == []


def evaluated(directory: Path, values: Sequence[str]) -> list[tuple[int, str]]:
    """Return the faults of these values."""
    lines = "\n".join(f"def v{number} = {value}" for number, value in enumerate(values))
    migration = migrate(f"mapping {{\n{lines}\n}}\n", "m.groovy")
    assert migration.faults == ()
    (directory / "mapping.py").write_text(migration.text, "utf-8")
    return loader.read_plan(directory / "mapping.py").faults
