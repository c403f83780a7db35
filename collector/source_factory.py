"""Makes the sources of events that a file describes, and the one of the internal port."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from collector.divolte.identifiers import BATCHES
from collector.endpoints.divolte_json import DivolteJsonSource
from collector.endpoints.divolte_tag import DivolteTagSource
from collector.endpoints.tracker import TrackerSource
from collector.events.duplicates import DuplicateMemory
from collector.events.event import LATEST
from collector.events.identifiers import PLAIN, IdentifierRules
from collector.pipeline import Pipeline
from collector.records import PartitionKey, RecordWriter
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import EventSource
from collector.sources import Source
from mapping.compilation.compiler import Encoder, Report

TRUSTED: Final = "replay"  # the source of the internal port


class Use(NamedTuple):
    """What an encoder is for: a browser source takes batches of the tracker too."""

    source: str
    kind: str
    is_copy: bool = False


class Encoders(dict[Use, Encoder]):
    """The encoders, and what they found: numbers out of their range, by source and field."""

    def __init__(self, encoders: Mapping[Use, Encoder] = MappingProxyType({})) -> None:
        super().__init__(encoders)
        self.implausible: Counter[tuple[str, str]] = Counter()

    def reporter(self, use: Use) -> Report:
        """Return what counts the fields that an encoder reports; a copy of an event is not counted again."""
        return len if use.is_copy else lambda fields: self.implausible.update((use.source, field) for field in fields)


def kinds_of(source: Source) -> tuple[str, ...]:
    """Give the kinds of events that a source takes."""
    return ("divolte_tag", "tracker") if source.kind == "divolte_tag" else (source.kind,)


class EventSources(NamedTuple):
    """What sources are made of."""

    encoders: Mapping[Use, Encoder]
    partition_key: PartitionKey
    memory: DuplicateMemory
    sites: Sequence[str] = ()  # of a tracker's source that names none; of any, if there are none here either
    max_age_ms: int = LATEST  # of an event of a page
    mask_parameters: bool = True

    def make(self, source: Source) -> EventSource:
        """Make a source of the public port."""
        if source.kind == "tracker":
            return self._tracker(source)
        writer = self._writer(source, source.kind)
        if source.kind == "divolte_json":
            return DivolteJsonSource(source, writer, mask_parameters=self.mask_parameters)
        return DivolteTagSource(source, writer, self._tracker(source), _cookie(source))

    def make_trusted(self) -> EventSource:
        """Make the source of the internal port."""
        writer = RecordWriter(TRUSTED, self.encoders[Use(TRUSTED, "tracker")], None, self.partition_key, self.memory)
        return TrackerSource(TRUSTED, Pipeline(writer, is_trusted=True, mask_parameters=self.mask_parameters))

    def _tracker(self, source: Source) -> TrackerSource:
        is_divolte = source.kind == "divolte_tag"
        pipeline = Pipeline(
            self._writer(source, "tracker"),
            rules=_rules(source),
            site=source.site if is_divolte else None,
            sites=frozenset() if is_divolte else frozenset(source.sites or self.sites),
            max_age_ms=self.max_age_ms,
            event_prefix=source.event_prefix,
            mask_parameters=self.mask_parameters and not source.is_strict,
        )
        return TrackerSource(source.name, pipeline, honors_opt_out=not source.is_strict, cookie=_cookie(source))

    def _writer(self, source: Source, kind: str) -> RecordWriter:
        encode, encode_copy = self.encoders[Use(source.name, kind)], self.encoders.get(Use(source.name, kind, is_copy=True))
        return RecordWriter(source.name, encode, encode_copy, self.partition_key, self.memory, drops_duplicates=source.drop_duplicates)


def _rules(source: Source) -> IdentifierRules:
    return BATCHES if source.kind == "divolte_tag" else PLAIN


def _cookie(source: Source) -> PartyCookie | None:
    return PartyCookie(source.server_cookie, source.cookie_domain, _rules(source)) if source.server_cookie else None
