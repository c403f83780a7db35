"""Parser of a batch: all events at once if the body is valid, one by one otherwise."""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.json import Decoder

from cleaning.texts import TOO_LONG, mark_lone_surrogates
from collector.events.event import (
    MAX_EVENTS,
    Batch,
    Envelope,
    Event,
    LenientEvent,
    LenientTrustedEvent,
    Rejection,
    RejectReason,
    TrustedBatch,
    TrustedEvent,
)
from collector.events.identifiers import is_identifier
from collector.events.json_numbers import OUT_OF_RANGE, clamp_numbers

# Reject reasons by field; a wrong type of any other field is an invalid field.
_REASONS: Final = {
    "id": RejectReason.INVALID_EVENT_ID,
    "type": RejectReason.INVALID_EVENT_TYPE,
    "created_at": RejectReason.INVALID_TIME,
    "occurred_at": RejectReason.INVALID_TIME,
    "page_view_id": RejectReason.INVALID_IDENTIFIER,
    "party_id": RejectReason.INVALID_IDENTIFIER,
    "session_id": RejectReason.INVALID_IDENTIFIER,
    "parameters": RejectReason.INVALID_PARAMETERS,
}
_BATCH_REASONS: Final = {
    "version": RejectReason.UNKNOWN_VERSION,
    "site": RejectReason.INVALID_SITE,
    "sent_at": RejectReason.INVALID_TIME,
}
_FIELD = re.compile(r"- at `\$\.(\w+)")
_MAX_MESSAGE = 200
_ERRORS: Final = (msgspec.DecodeError, ValueError, RecursionError)


class _OnlyId(msgspec.Struct):
    id: str = ""


@dataclass(slots=True)
class ParsedBatch:
    """The content of a body that was parsed one by one; an event that cannot be parsed is its rejection."""

    version: int
    site: str
    sent_at: int | float | None
    events: list[Event | Rejection] = field(default_factory=list)
    unknown_keys: int = 0


class BatchParser:
    """Parses the bodies of one source."""

    def __init__(self, *, is_trusted: bool) -> None:
        event: type[Event] = TrustedEvent if is_trusted else Event
        self._whole: Decoder[Batch] | Decoder[TrustedBatch] = Decoder(TrustedBatch) if is_trusted else Decoder(Batch)
        self._event = Decoder(event)
        self._lenient: Decoder[Event] = Decoder(LenientTrustedEvent if is_trusted else LenientEvent)
        self._event_keys = frozenset(event.__struct_fields__)

    def parse(self, body: bytes) -> Batch | TrustedBatch | ParsedBatch | Rejection:
        """Return the batch, or the reason why none of it can be parsed."""
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError as error:
                return Rejection(RejectReason.INVALID_ENCODING, f"the body must be UTF-8; byte {error.start} is not")
        try:
            return self._whole.decode(body)
        except _ERRORS:
            return self._parse_each(body)

    def _parse_each(self, body: bytes) -> ParsedBatch | Rejection:
        envelope = _parse_envelope(body)
        if isinstance(envelope, Rejection) and envelope.reason is RejectReason.INVALID_JSON and b"\\u" in body:
            envelope = _parse_envelope(mark_lone_surrogates(body))
        if isinstance(envelope, Rejection):
            return envelope
        if len(envelope.events) > MAX_EVENTS:
            return Rejection(RejectReason.TOO_MANY_EVENTS, f"a batch has at most {MAX_EVENTS} events; this one has {len(envelope.events)}")
        if not envelope.events:
            return Rejection(RejectReason.NO_EVENTS, "a batch has at least one event")
        parsed = ParsedBatch(envelope.version, envelope.site, envelope.sent_at, unknown_keys=_count_unknown_keys(body, _BATCH_KEYS))
        parsed.events = [self._parse_event(raw, parsed) for raw in envelope.events]
        return parsed

    def _parse_event(self, raw: msgspec.Raw | bytes, parsed: ParsedBatch) -> Event | Rejection:
        try:
            return self._event.decode(raw)
        except _ERRORS as error:
            if OUT_OF_RANGE in str(error) and (clamped := clamp_numbers(bytes(raw))) != raw:
                return self._parse_event(clamped, parsed)
            if "unknown field" not in str(error):
                return _rejection(error, raw)
        try:
            event = self._lenient.decode(raw)
        except _ERRORS as error:
            return _rejection(error, raw)
        parsed.unknown_keys += _count_unknown_keys(raw, self._event_keys)
        return event


def _parse_envelope(body: bytes) -> Envelope | Rejection:
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError as error:
        named = _FIELD.search(str(error))
        reason = _BATCH_REASONS.get(named[1], RejectReason.INVALID_BATCH) if named else RejectReason.INVALID_BATCH
        return Rejection(reason, f"a batch is {{version, site, sent_at, events}}: {error}"[:_MAX_MESSAGE])
    except RecursionError:
        return Rejection(RejectReason.INVALID_JSON, "the body is nested too deep")
    except (msgspec.DecodeError, ValueError) as error:
        return Rejection(RejectReason.INVALID_JSON, f"the body must be JSON: {error}"[:_MAX_MESSAGE])


def _rejection(error: Exception, raw: msgspec.Raw | bytes) -> Rejection:
    if isinstance(error, RecursionError):
        return Rejection(RejectReason.INVALID_PARAMETERS, "an event must not be nested that deep", _id_of(raw))
    text = str(error)
    named = _FIELD.search(text)
    if TOO_LONG in text:
        reason = RejectReason.INVALID_TEXT
    else:
        reason = _REASONS.get(named[1], RejectReason.INVALID_FIELD) if named else RejectReason.INVALID_EVENT
    return Rejection(reason, text[:_MAX_MESSAGE], _id_of(raw))


def _id_of(raw: msgspec.Raw | bytes) -> str:
    try:
        event_id = _ONLY_ID.decode(raw).id
    except _ERRORS:
        return ""
    return event_id if is_identifier(event_id) else ""


def _count_unknown_keys(raw: bytes | msgspec.Raw, known: frozenset[str]) -> int:
    try:
        return len(_KEYS.decode(raw).keys() - known)
    except _ERRORS:
        return 0


_ENVELOPE: Final = Decoder(Envelope)
_ONLY_ID: Final = Decoder(_OnlyId)
_KEYS: Final = Decoder(dict[str, msgspec.Raw])
_BATCH_KEYS: Final = frozenset(Envelope.__struct_fields__)
