"""Mappings on the workbench: what is wrong with one, and what it makes of events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from collector.addresses import cut_text
from collector.errors import MappingError
from collector.mapping import check as checks
from collector.mapping.loader import load, read_plan, read_schema
from collector.pipeline import Pipeline
from collector.senders import NOBODY
from collector.urls import AddressRules
from schemas.codec import Decoder
from schemas.contract import SCHEMA_PATH
from topics.topic import Kind, Message

SITE = "test"


def check(mapping: Path, schema: Path = SCHEMA_PATH, kind: str = "tracker") -> list[str]:
    """Give everything that is wrong with a mapping for this kind of source, one line each; nothing if it can be used."""
    try:
        return checks.faults(read_plan(mapping), read_schema(schema), kind)
    except MappingError as error:
        return list(error.faults)


def try_events(mapping: Path, schema: Path, events: Path) -> Iterator[dict[str, Any]]:
    """Give the record of each event of a file with one JSON object a line, or the line with the reason why there is none.

    The events are taken as a trusted source's, sent the moment they were created; raises MappingError if the mapping has faults.
    """
    pipeline = Pipeline(load(mapping, schema, AddressRules()), lambda _: b"", source="test", is_trusted=True, cut_address=cut_text)
    decoder = Decoder([read_schema(schema)])
    for number, line in enumerate(events.read_bytes().splitlines(), 1):
        if line.strip():
            yield _tried(pipeline, decoder, number, line)


def _tried(pipeline: Pipeline, decoder: Decoder, number: int, line: bytes) -> dict[str, Any]:
    body = b'{"version":1,"site":"%s","events":[%s]}' % (SITE.encode(), line)
    message: Message = pipeline.take(body, _created_at(line), NOBODY).messages[0]
    if message.kind is Kind.EVENT:
        return decoder.decode(message.value)
    return {"line": number, "reason": message.key.decode(), **msgspec.json.decode(message.value)}


def _created_at(line: bytes) -> int:
    try:
        return int(msgspec.json.decode(line)["created_at"])
    except (KeyError, TypeError, ValueError, msgspec.DecodeError):
        return 0
