"""Recorded requests to the original, sent to a strict collector: its records have the values that the original wrote."""

import http.client
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from support.collector.collectors import RunningCollector, collector_running
from support.collector.divolte import vectors
from support.mapping.mappings import write_sources
from support.topics.in_memory import read_all

from schemas.codec import Decoder, Record
from topics.topic import Kind

REQUESTS = vectors("requests.json")
MAPPING = """
map_(is_corrupt()).onto("corrupt")
map_(party_id()).onto("partyId")
map_(session_id()).onto("sessionId")
map_(page_view_id()).onto("pageViewId")
map_(event_id()).onto("eventId")
map_(event_type()).onto("eventType")
map_(is_new_party()).onto("isNewParty")
map_(is_first_in_session()).onto("firstInSession")
map_(created_at()).onto("clientTimestamp")
map_(raw_location()).onto("location")
map_(raw_referrer()).onto("referer")
map_(screen_width()).onto("screenPixelWidth")
map_(screen_height()).onto("screenPixelHeight")
map_(whole_device_pixel_ratio()).onto("devicePixelRatio")
map_(viewport_width()).onto("viewportPixelWidth")
map_(viewport_height()).onto("viewportPixelHeight")
map_(event_parameters().is_present()).onto("eventParametersPresent")
map_(event_parameters()).onto("eventParameters")
"""
FIELDS: dict[str, Any] = {
    **dict.fromkeys(["partyId", "sessionId", "pageViewId", "eventId", "eventType", "location", "referer"], "string"),
    **dict.fromkeys(["corrupt", "isNewParty", "firstInSession", "eventParametersPresent"], "boolean"),
    **dict.fromkeys(["screenPixelWidth", "screenPixelHeight", "devicePixelRatio", "viewportPixelWidth", "viewportPixelHeight"], "int"),
    "clientTimestamp": "long",
    "eventParameters": {"type": "string", "logicalType": "json"},
}
SCHEMA = {
    "type": "record",
    "name": "Recorded",
    "fields": [{"name": name, "type": ["null", avro], "default": None} for name, avro in FIELDS.items()],
}


@dataclass(slots=True)
class Outcome:
    """The outcome of a request: the response, and the records in the topic at that time."""

    status: int
    headers: http.client.HTTPMessage
    body: str
    records: list[Record] = field(default_factory=list)


def send(collector: RunningCollector, vector: dict[str, Any]) -> Outcome:
    """Send a request with its target as it was recorded."""
    url = urlsplit(vector["url"])
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=20)
    target = f"{url.path}?{url.query}" if url.query else url.path
    connection.request(vector["method"], target, vector.get("body", "").encode() or None, vector.get("headers", {}))
    answer = connection.getresponse()
    outcome = Outcome(answer.status, answer.headers, answer.read().decode("latin-1"))
    connection.close()
    return outcome


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    directory = tmp_path_factory.mktemp("recorded")
    decoder = Decoder([SCHEMA])
    sources = {vector["path"]: (vector.get("source", "browser"), "strict") for vector in REQUESTS}
    found: dict[str, Outcome] = {}
    count = 0
    with collector_running(directory, sources_file=write_sources(directory, MAPPING, SCHEMA, sources)) as collector:
        for vector in REQUESTS:
            found[vector["name"]] = outcome = send(collector, vector)
            messages = read_all(collector.topic_directory)[count:]
            count += len(messages)
            outcome.records = [decoder.decode(message.value) for message in messages if message.kind is Kind.EVENT]
    return found


def expected_of(vector: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the expected event, with the original's result for a checksum over characters outside the basic plane."""
    event = vector["expect"]["event"]
    if event is None:
        return []
    has_astral = any(ord(character) > 0xFFFF for character in unquote(vector["query"])) and vector.get("source") != "json"
    return [event | {"corrupt": event["corrupt"] or has_astral}]


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda one: str(one["name"]))
def test_a_recorded_request_becomes_the_record_that_a_mapping_file_describes(vector: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    outcome, expected = outcomes[vector["name"]], vector["expect"]
    assert outcome.status == expected["status"]
    response = expected.get("response", {})
    assert {name: outcome.headers[name] for name in response.get("headers", {})} == response.get("headers", {})
    assert outcome.body == response.get("body", outcome.body)
    records = [record | {"eventParameters": msgspec.json.decode(record["eventParameters"] or "null")} for record in outcome.records]
    wanted = expected_of(vector)
    assert [{name: record[name] for name in event} for record, event in zip(records, wanted, strict=True)] == wanted
