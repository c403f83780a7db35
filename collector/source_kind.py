"""The declaration of a source kind, and the parts from which it makes its sources."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from collector.events.duplicates import DuplicateMemory
from collector.events.event import LATEST
from collector.events.identifiers import IdentifierRules
from collector.records import PartitionKey, RecordWriter
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import EventSource, Request
from collector.sources import Source
from mapping.compilation.compiler import Encoder, Report

SAMPLE_NAME: Final = "test"  # of the source and the site of sample requests


class EncoderKey(NamedTuple):
    """The use of an encoder: a source has one for each kind of event that it accepts, and one more if it has a copy."""

    source: str
    event_kind: str
    is_copy: bool = False


class Encoders(dict[EncoderKey, Encoder]):
    """The encoders, and the numbers out of their range that they found, by source and field."""

    def __init__(self, encoders: Mapping[EncoderKey, Encoder] = MappingProxyType({})) -> None:
        super().__init__(encoders)
        self.implausible: Counter[tuple[str, str]] = Counter()

    def reporter(self, key: EncoderKey) -> Report:
        """Return the function that counts the fields which an encoder reports; copies are not counted again."""
        return len if key.is_copy else lambda fields: self.implausible.update((key.source, field) for field in fields)


class SourceContext(NamedTuple):
    """The parts and settings that all sources share."""

    encoders: Mapping[EncoderKey, Encoder]
    partition_key: PartitionKey
    memory: DuplicateMemory
    sites: Sequence[str] = ()  # for sources that list none; empty: any site
    max_age_ms: int = LATEST  # of an event of a page
    mask_parameters: bool = True

    def writer(self, source: Source, event_kind: str) -> RecordWriter:
        """Return the writer for one kind of event of a source."""
        key = EncoderKey(source.name, event_kind)
        encode, encode_copy = self.encoders[key], self.encoders.get(key._replace(is_copy=True))
        return RecordWriter(source.name, encode, encode_copy, self.partition_key, self.memory, drops_duplicates=source.drop_duplicates)


class ScriptTemplate(NamedTuple):
    """A build of the tracker, and the placeholder in it that the script of a source replaces."""

    file_name: str
    placeholder: str
    value: str


class SampleRequest(NamedTuple):
    """A request with one event, received when its event was created."""

    request: Request
    received_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """A format of events: how its sources are made, and how they differ from others."""

    name: str
    former_name: str = ""  # accepted in the sources file
    event_kinds: tuple[str, ...]  # of EVENT_KINDS in mapping.dsl.input_specs: the mapping is compiled for each
    make: Callable[[Source, SourceContext], EventSource]
    make_trusted: Callable[[Source, SourceContext], EventSource] | None = None  # accepts time and client of its events
    sample_request: Callable[[bytes], SampleRequest]  # from one line of a file of events
    max_body_bytes: Callable[[Source, int], int] = lambda _, default: default
    script: Callable[[Source], ScriptTemplate] | None = None
    script_cookies: tuple[str, ...] = ()  # keys of the source that name the cookies of its script
    names_site: bool = False  # each event names its site; otherwise it is the source's
    is_browser: bool = True  # its requests have cookies
    accepts_trailing_slash: bool = False

    def event_paths(self, source: Source) -> tuple[str, ...]:
        """Return the paths of the events of a source."""
        path = source.event_path
        return (path, path.rstrip("/") + "/") if self.accepts_trailing_slash else (path,)


def party_cookie(source: Source, rules: IdentifierRules) -> PartyCookie | None:
    """Return the cookie that a source sets, if it sets one."""
    return PartyCookie(source.server_cookie, source.cookie_domain, rules) if source.server_cookie else None
