"""Dry runs of a mapping with events of each source kind."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.collector.collectors import NOW
from support.collector.divolte import PAGE_VIEW, PARTY, SESSION, a_json_event, a_query
from support.mapping.mappings import ID, MAPPINGS, SCHEMAS

from collector import dry_run as tool
from collector.errors import MappingError
from collector.source_registry import SOURCE_KINDS


def tried(tmp_path: Path, kind: str, *lines: str) -> list[dict[str, Any]]:
    events = tmp_path / "events"
    events.write_text("\n".join(lines), "utf-8")
    return list(tool.try_events(MAPPINGS / "clickstream.py", SCHEMAS / "clickstream.avsc", events, kind))


def test_a_mapping_can_be_tried_on_events(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(
        f'{{"id":"{ID}","type":"pageView","created_at":1767225600000,"url":"http://a.example/b?utm_source=x"}}\n\n'
        '{"id":"forged"}\nno JSON\n',
        "utf-8",
    )
    taken, refused, broken = tool.try_events(MAPPINGS / "clickstream.py", SCHEMAS / "clickstream.avsc", events)
    assert taken["page_path"] == "/b"
    assert taken["utm_source"] == "x"
    assert taken["occurred_at"] == 1767225600000
    assert refused == {"line": 3, "reason": "invalid_event_id", "message": "id must be 32 digits of 0-9 and a-f"}
    assert broken["reason"] == "invalid_json"


def test_a_mapping_of_divoltes_tag_can_be_tried_on_pixels(tmp_path: Path) -> None:
    batched = json.dumps({"id": PAGE_VIEW + "0", "type": "click", "created_at": NOW, "party_id": PARTY, "session_id": SESSION})
    lines = (f"https://collect.example/csc-event?{a_query()}", a_query(t="buy", x="1"), batched, "/csc-event?p=nope", '{"id":""}', "?")
    whole, query, event, *refused = tried(tmp_path, "browser", *lines)
    assert (whole["event_type"], whole["page_path"], whole["party_id"], whole["created_at"]) == ("pageView", "/shoes", PARTY, NOW - 1000)
    assert (whole["is_skewed"], whole["is_corrupt"], whole["is_duplicate"]) == (False, False, False)
    assert (query["event_type"], query["is_corrupt"], query["is_duplicate"]) == ("buy", True, True)
    assert (event["event_type"], event["event_id"], event["occurred_at"]) == ("click", whole["event_id"], NOW)
    assert [(one["line"], one["reason"]) for one in refused] == [(4, "invalid_party"), (5, "invalid_event_id"), (6, "missing_party")]


def test_a_mapping_for_servers_can_be_tried_on_what_they_send(tmp_path: Path) -> None:
    sent = a_json_event(party_id=PARTY)
    first, second, *refused = tried(tmp_path, "json", json.dumps(sent), json.dumps([sent]), json.dumps(a_json_event()), "no JSON", "{}")
    assert (first["event_type"], first["parameters"], first["party_id"]) == ("screenView", '{"screen":"home","n":3}', PARTY)
    assert (first["source"], first["site"], first["is_skewed"], first["created_at"]) == ("test", "test", False, NOW - 750)
    assert second["event_id"] == first["event_id"]
    assert [(one["line"], one["reason"]) for one in refused] == [(3, "missing_party"), (4, "invalid_json"), (5, "missing_party")]


def test_a_mapping_is_tried_only_where_its_kind_of_source_could_have_it(tmp_path: Path) -> None:
    mapping, schema, events = (tmp_path / name for name in ("mapping.py", "schema.avsc", "events"))
    mapping.write_text("from mapping import event_type, map_\nmap_(event_type()).onto('type')\n")
    schema.write_text('{"name": "e", "type": "record", "fields": [{"name": "type", "type": "string"}]}')
    events.write_text(json.dumps({"id": ID, "type": "click", "created_at": NOW}))
    assert list(tool.try_events(mapping, schema, events)) == [{"type": "click"}]
    with pytest.raises(MappingError, match="'type'"):
        list(tool.try_events(mapping, schema, events, "browser"))


def test_a_mapping_is_checked_for_every_kind_of_event_that_its_source_accepts(tmp_path: Path) -> None:
    mapping, schema = tmp_path / "mapping.py", tmp_path / "schema.avsc"
    mapping.write_text("from mapping import map_, page_view_id\nmap_(page_view_id()).onto('view')\nmap_(1).onto('views')\n")
    schema.write_text('{"name": "e", "type": "record", "fields": [{"name": "view", "type": "string"}]}')
    faults = tool.check(mapping, schema, "divolte_tag")  # a pixel has a page view, an event of our script may have none
    assert [fault.partition(": ")[0] for fault in faults] == [f"{mapping}:3", f"{mapping}:2"]
    with pytest.raises(MappingError, match="'view'"):
        list(tool.try_events(mapping, schema, tmp_path / "events", "divolte_tag"))


def test_an_unknown_source_kind_is_a_fault() -> None:
    [fault] = tool.check(MAPPINGS / "clickstream.py", kind="pixel")
    assert fault == f"'pixel' is not a source kind; choose one of {', '.join(SOURCE_KINDS)}"
