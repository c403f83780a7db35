"""Makes the sources of events that a file describes, and the one of the internal port."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from collector.divolte.identifiers import BATCHES
from collector.divolte.writer import EventWriter
from collector.endpoints.divolte_browser import BrowserSource
from collector.endpoints.divolte_json import JsonSource
from collector.endpoints.tracker import TrackerSource
from collector.events.duplicates import DuplicateMemory
from collector.events.event import LATEST
from collector.events.identifiers import PLAIN, IdentifierRules
from collector.pipeline import PartitionKey, Pipeline
from collector.requests.client_ip import truncate_ip
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
        writer = self._writer(source)
        if source.kind == "divolte_json":
            return JsonSource(source, writer, mask_parameters=self.mask_parameters)
        return BrowserSource(source, writer, self._tracker(source), _cookie(source))

    def make_trusted(self) -> EventSource:
        """Make the source of the internal port."""
        encode = self.encoders[Use(TRUSTED, "tracker")]
        pipeline = Pipeline(
            encode, self.partition_key, source=TRUSTED, is_trusted=True, truncate_ip=truncate_ip, mask_parameters=self.mask_parameters
        )
        return TrackerSource(TRUSTED, pipeline)

    def _tracker(self, source: Source) -> TrackerSource:
        is_divolte = source.kind == "divolte_tag"
        pipeline = Pipeline(
            self.encoders[Use(source.name, "tracker")],
            self.partition_key,
            source=source.name,
            is_trusted=False,
            truncate_ip=truncate_ip,
            encode_copy=self.encoders.get(Use(source.name, "tracker", is_copy=True)),
            rules=_rules(source),
            site=source.site if is_divolte else None,
            sites=frozenset() if is_divolte else frozenset(source.sites or self.sites),
            max_age_ms=self.max_age_ms,
            event_prefix=source.event_prefix,
            memory=self.memory if is_divolte else None,
            drops_duplicates=source.drop_duplicates,
            mask_parameters=self.mask_parameters and not source.is_strict,
        )
        return TrackerSource(source.name, pipeline, honors_opt_out=not source.is_strict, cookie=_cookie(source))

    def _writer(self, source: Source) -> EventWriter:
        encode, encode_copy = self.encoders[Use(source.name, source.kind)], self.encoders.get(Use(source.name, source.kind, is_copy=True))
        return EventWriter(source, encode, encode_copy, self.partition_key, self.memory)


def _rules(source: Source) -> IdentifierRules:
    return BATCHES if source.kind == "divolte_tag" else PLAIN


def _cookie(source: Source) -> PartyCookie | None:
    return PartyCookie(source.server_cookie, source.cookie_domain, _rules(source)) if source.server_cookie else None
