"""Mappings on the workbench: what is wrong with one, and what it makes of events."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from cleaning.urls import UrlRules
from collector.divolte.json_event import milliseconds
from collector.divolte.query import read_query
from collector.encoders.loader import load, read_plan, read_schema
from collector.endpoints.tracker import TrackerSource
from collector.errors import MappingError
from collector.events.duplicates import DuplicateMemory
from collector.pipeline import Pipeline
from collector.records import RecordWriter
from collector.requests.http_types import JSON, EventSource, Request
from collector.source_factory import EventSources, Use, kinds_of
from collector.sources import Source, current_kind
from mapping import checks
from mapping.operations.base36 import number36
from schemas.codec import Decoder
from schemas.contract import SCHEMA_PATH
from topics.topic import Kind, Message

NAME: Final = "test"  # of the source and the site
REMEMBERED: Final = 1 << 16


class _Sent(NamedTuple):
    """A request, and when it comes: the moment its event was created."""

    request: Request
    received_at: int


def check(mapping: Path, schema: Path = SCHEMA_PATH, kind: str = "tracker") -> list[str]:
    """Give everything that is wrong with a mapping for this kind of source, one line each; nothing if it can be used."""
    try:
        return checks.faults(read_plan(mapping), read_schema(schema), _known_kind(kind))
    except MappingError as error:
        return list(error.faults)


def try_events(mapping: Path, schema: Path, events: Path, kind: str = "tracker") -> Iterator[dict[str, Any]]:
    """Give the record of each event of a file that has one a line, or the line with the reason why there is none.

    The tracker's events are taken as a trusted source's, all others as their source takes them; raises MappingError if the mapping has
    faults.
    """
    kind = _known_kind(kind)
    source, sent = _source(mapping, schema, kind), _SENT[kind]
    decoder = Decoder([read_schema(schema)])
    for number, line in enumerate(map(bytes.strip, events.read_bytes().splitlines()), 1):
        for message in source.handle(*sent(line)).messages if line else ():
            yield _told(message, decoder, number)


def _known_kind(word: str) -> str:
    kind = str(current_kind(word))
    if kind not in _SENT:
        raise MappingError([f"{word!r} is not a source kind; choose one of {', '.join(_SENT)}"])
    return kind


def _source(mapping: Path, schema: Path, kind: str) -> EventSource:
    source = Source.model_validate({"name": NAME, "site": NAME, "kind": kind, "event_path": "/"})
    encoders = {Use(NAME, one): load(mapping, schema, UrlRules(), kind=one) for one in kinds_of(source)}
    if kind == "tracker":
        writer = RecordWriter(NAME, encoders[Use(NAME, kind)], None, lambda _: b"", DuplicateMemory(1))
        return TrackerSource(NAME, Pipeline(writer, is_trusted=True))
    return EventSources(encoders, lambda _: b"", DuplicateMemory(REMEMBERED)).make(source)


def _told(message: Message, decoder: Decoder, number: int) -> dict[str, Any]:
    if message.kind is Kind.EVENT:
        return decoder.decode(message.value)
    return {"line": number, "reason": message.key.decode(), **msgspec.json.decode(message.value)}


def _in_batch(line: bytes) -> _Sent:
    created_at = _key(line, "created_at")
    now = int(created_at) if isinstance(created_at, int | float) else 0
    body = b'{"version":1,"site":"%s","sent_at":%d,"events":[%s]}' % (NAME.encode(), now, line)
    return _Sent(Request.of("POST", "/", b"", (), None, body), now)


def _of_divolte_tag(line: bytes) -> _Sent:
    """Send what the tag asks for, an address or its query; or an event of our script in its place."""
    if line.startswith(b"{"):
        return _in_batch(line)
    query = line.partition(b"?")[2] or line
    return _Sent(Request.of("GET", "/", query, (), None, b""), number36(read_query(query).first.get("c")) or 0)


def _of_divolte_json(line: bytes) -> _Sent:
    now = milliseconds(str(_key(line, "client_timestamp_iso")), needs_offset=False) or 0
    return _Sent(Request.of("POST", "/", b"", (JSON,), None, line), now)


def _key(line: bytes, name: str) -> object:
    try:
        return msgspec.json.decode(line)[name]
    except (KeyError, TypeError, msgspec.DecodeError):
        return None


_SENT: Final[Mapping[str, Callable[[bytes], _Sent]]] = {
    "tracker": _in_batch,
    "divolte_tag": _of_divolte_tag,
    "divolte_json": _of_divolte_json,
}
