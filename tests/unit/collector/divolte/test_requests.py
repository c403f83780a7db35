"""Requests to the original, as recorded, with the status it answers and the event it makes of each."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from support.collector.divolte import DivolteCollector, vectors

from mapping.operations.base36 import INT32, number36
from mapping.operations.mincode import decode

REQUESTS = vectors("requests.json")


def an_event_of_a_browser(inputs: dict[str, Any]) -> dict[str, Any]:
    event = inputs["event"]
    parameters = decode(event.get("u"), False)
    return common(inputs) | {
        "pageViewId": event["v"],
        "eventId": event["e"],
        "eventType": event.get("t"),
        "isNewParty": event["n"] == "t",
        "firstInSession": event["f"] == "t",
        "location": event.get("l"),
        "referer": event.get("r"),
        "screenPixelWidth": number36(event.get("i"), INT32),
        "screenPixelHeight": number36(event.get("j"), INT32),
        "devicePixelRatio": number36(event.get("k"), INT32),
        "viewportPixelWidth": number36(event.get("w"), INT32),
        "viewportPixelHeight": number36(event.get("h"), INT32),
        "eventParametersPresent": parameters is not None or event.get("u") == "n",
        "eventParameters": parameters,
    }


def an_event_of_a_server(inputs: dict[str, Any]) -> dict[str, Any]:
    event = inputs["event"]
    return common(inputs) | {
        "pageViewId": None,
        "location": None,
        "referer": None,
        "eventId": event["event_id"],
        "eventType": event.get("event_type"),
        "isNewParty": event["is_new_party"],
        "firstInSession": event["is_new_session"],
        "eventParametersPresent": inputs["parameters"] is not None,
        "eventParameters": inputs["parameters"],
    }


def common(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "corrupt": inputs["is_corrupt"],
        "partyId": inputs["party_id"],
        "sessionId": inputs["session_id"],
        "clientTimestamp": inputs["created_at"],
    }


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda one: str(one["name"]))
def test_a_request_is_answered_and_understood_as_by_the_original(vector: dict[str, Any]) -> None:
    is_json = vector.get("source") == "json"
    is_strict = is_json or vector["expect"]["status"] == 405
    collector = DivolteCollector(
        "divolte_json" if is_json else "divolte_tag", event_path=vector["path"], compatibility="strict" if is_strict else "corrected"
    )
    answer = collector.send(
        vector.get("body", "").encode(),
        method=vector["method"],
        path=vector["path"],
        query=urlsplit(vector["url"]).query,
        headers=list(vector.get("headers", {}).items()),
    )
    expected = vector["expect"]
    assert answer.status == expected["status"]
    for name, value in expected.get("response", {}).get("headers", {}).items():
        assert answer.headers[name.lower()] == value
    if "body" in expected.get("response", {}):
        assert answer.body.decode() == expected["response"]["body"]
    events = [an_event_of_a_server(inputs) if is_json else an_event_of_a_browser(inputs) for inputs in collector.inputs]
    wanted = [] if expected["event"] is None else [expected["event"]]
    assert [{name: event[name] for name in one} for event, one in zip(events, wanted, strict=True)] == wanted
