"""Divolte's built-in schema and mapping: each field of the record, for each kind of source."""

import json
from typing import Any

import pytest
from support.collector.divolte import PAGE_VIEW, PARTY, SESSION
from support.mapping.mappings import ID, MAPPINGS, SCHEMAS

from cleaning.urls import UrlRules
from collector.divolte.json_body import JsonEvent
from collector.encoders.loader import load
from collector.encoders.samples import arguments
from collector.events.event import Event
from schemas.codec import Decoder

FOLDER = SCHEMAS / "divolte"
SCHEMA: dict[str, Any] = json.loads((FOLDER / "DefaultEventRecord.avsc").read_text("utf-8"))
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/38.0.2125.122 Safari/537.36"
BROWSER = {
    "v": PAGE_VIEW,
    "e": PAGE_VIEW + "0",
    "n": "t",
    "f": "t",
    "l": "https://shop.example/a?b=c#d",
    "r": "https://search.example/?q=a",
    "i": "1hc",
    "j": "sw",
    "w": "140",
    "h": "p0",
    "t": "pageView",
}
INPUTS: dict[str, Any] = {
    "party_id": PARTY,
    "session_id": SESSION,
    "remote_host": "192.0.2.7",
    "user_agent": AGENT,
    "is_duplicate": True,
    "is_corrupt": True,
}
OF_ALL = {
    "detectedDuplicate": True,
    "detectedCorruption": True,
    "firstInSession": True,
    "timestamp": 1_767_225_600_000,
    "clientTimestamp": 1_767_225_599_000,
    "remoteHost": "192.0.2.7",
    "partyId": PARTY,
    "sessionId": SESSION,
    "userAgentString": AGENT,
    "userAgentName": "Chrome",
    "userAgentFamily": "Chrome",
    "userAgentVendor": "Google Inc.",
    "userAgentType": "Browser",
    "userAgentVersion": "38",
    "userAgentDeviceCategory": "Personal computer",
    "userAgentOsFamily": "Mac OS X",
    "userAgentOsVersion": "10.10",
    "userAgentOsVendor": "Apple Computer, Inc.",
}
OF_A_PAGE = {
    "referer": "https://search.example/?q=a",
    "location": "https://shop.example/a?b=c#d",
    "viewportPixelWidth": 1440,
    "viewportPixelHeight": 900,
    "screenPixelWidth": 1920,
    "screenPixelHeight": 1040,
    "pageViewId": PAGE_VIEW,
    "eventType": "pageView",
}


def record_of(kind: str, event: object, *, is_strict: bool = False, **inputs: object) -> dict[str, Any]:
    encode = load(MAPPINGS / "divolte.py", FOLDER / "DefaultEventRecord.avsc", UrlRules(), kind=kind, is_strict=is_strict)
    return Decoder([SCHEMA]).decode(encode(*arguments(event, **inputs).values()))


@pytest.mark.parametrize("is_strict", [False, True])
def test_an_event_of_the_tag_fills_every_field(is_strict: bool) -> None:
    assert record_of("divolte_tag", BROWSER, is_strict=is_strict, **INPUTS) == OF_ALL | OF_A_PAGE


def test_an_event_of_a_server_fills_what_a_server_knows() -> None:
    event = JsonEvent(event_id="e", event_type="order", is_new_session=True)
    assert record_of("divolte_json", event, **INPUTS) == OF_ALL | dict.fromkeys(OF_A_PAGE) | {"eventType": "order"}


def test_a_batch_of_our_script_fills_every_field() -> None:
    event = Event(
        id=ID,
        type="pageView",
        page_view_id=PAGE_VIEW,
        is_first_in_session=True,
        url=BROWSER["l"],
        referrer=BROWSER["r"],
        viewport_width=1440,
        viewport_height=900,
        screen_width=1920,
        screen_height=1040,
    )
    assert record_of("tracker", event, **INPUTS) == OF_ALL | OF_A_PAGE


def test_an_event_without_fields_has_the_defaults() -> None:
    found = record_of("divolte_tag", {"v": PAGE_VIEW, "e": PAGE_VIEW + "0"}, created_at=None)
    mandatory = {"detectedDuplicate": False, "detectedCorruption": False, "firstInSession": False, "remoteHost": ""}
    times = {"timestamp": 1_767_225_600_000, "clientTimestamp": 1_767_225_600_000}
    unset = dict.fromkeys(field["name"] for field in SCHEMA["fields"])
    assert found == unset | mandatory | times | {"eventType": "unknown", "pageViewId": PAGE_VIEW}


def test_the_fields_are_in_the_original_s_order_after_which_records_are_encoded() -> None:
    names = [field["name"] for field in SCHEMA["fields"]]
    assert names[:8] == [
        "detectedDuplicate",
        "detectedCorruption",
        "firstInSession",
        "timestamp",
        "clientTimestamp",
        "remoteHost",
        "referer",
        "location",
    ]
    assert len(names) == 26
    assert f"{SCHEMA['namespace']}.{SCHEMA['name']}" == "io.divolte.record.DefaultEventRecord"
