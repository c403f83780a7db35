"""Dry run of a mapping: its faults, and the records that it makes of events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from cleaning.urls import UrlRules
from collector.encoders.loader import load, read_plan, read_schema
from collector.errors import MappingError
from collector.events.duplicates import DuplicateMemory
from collector.source_kind import SAMPLE_NAME, EncoderKey, SourceContext, SourceKind
from collector.source_registry import SOURCE_KINDS, find_kind
from collector.sources import Source
from mapping import checks
from schemas.codec import Decoder
from schemas.contract import SCHEMA_PATH
from topics.topic import Kind, Message

MEMORY_SLOTS: Final = 1 << 16


def check(mapping: Path, schema: Path = SCHEMA_PATH, kind: str = "tracker") -> list[str]:
    """Return all faults of a mapping for a source kind, one line each; empty if it can be used."""
    try:
        plan, fields = read_plan(mapping), read_schema(schema)
        found = [fault for one in _kind(kind).event_kinds for fault in checks.faults(plan, fields, one)]
    except MappingError as error:
        return list(error.faults)
    return list(dict.fromkeys(found))


def try_events(mapping: Path, schema: Path, events: Path, kind: str = "tracker") -> Iterator[dict[str, Any]]:
    """Return the record of each event of a file that has one per line, or the number of the line and the reject reason.

    Events are trusted if their source kind has trusted sources. Raises MappingError if the mapping has faults.
    """
    source_kind = _kind(kind)
    source = Source(name=SAMPLE_NAME, site=SAMPLE_NAME, kind=source_kind.name, event_path="/")
    encoders = {EncoderKey(SAMPLE_NAME, one): load(mapping, schema, UrlRules(), kind=one) for one in source_kind.event_kinds}
    context = SourceContext(encoders, lambda _: b"", DuplicateMemory(MEMORY_SLOTS))
    event_source = (source_kind.make_trusted or source_kind.make)(source, context)
    decoder = Decoder([read_schema(schema)])
    for number, line in enumerate(map(bytes.strip, events.read_bytes().splitlines()), 1):
        for message in event_source.handle(*source_kind.sample_request(line)).messages if line else ():
            yield _describe(message, decoder, number)


def _kind(name: str) -> SourceKind:
    kind = find_kind(name)
    if kind is None:
        raise MappingError([f"{name!r} is not a source kind; choose one of {', '.join(SOURCE_KINDS)}"])
    return kind


def _describe(message: Message, decoder: Decoder, number: int) -> dict[str, Any]:
    if message.kind is Kind.EVENT:
        return decoder.decode(message.value)
    return {"line": number, "reason": message.key.decode(), **msgspec.json.decode(message.value)}
