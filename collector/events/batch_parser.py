"""From the bytes of a body to the events in it: at once where all is well, one by one where something is not."""

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

# Reasons of the fields that have one of their own; a wrong type elsewhere is an invalid field.
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
class Reading:
    """What a body says; an event that cannot be read is the refusal of it."""

    version: int
    site: str
    sent_at: int | float | None
    events: list[Event | Rejection] = field(default_factory=list)
    unknown_keys: int = 0


class BodyReader:
    """Reads the bodies of one source."""

    def __init__(self, *, is_trusted: bool) -> None:
        event: type[Event] = TrustedEvent if is_trusted else Event
        self._whole: Decoder[Batch] | Decoder[TrustedBatch] = Decoder(TrustedBatch) if is_trusted else Decoder(Batch)
        self._event = Decoder(event)
        self._lenient: Decoder[Event] = Decoder(LenientTrustedEvent if is_trusted else LenientEvent)
        self._event_keys = frozenset(event.__struct_fields__)

    def read(self, body: bytes) -> Batch | TrustedBatch | Reading | Rejection:
        """Give the batch, or why nothing of it can be read."""
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError as error:
                return Rejection(RejectReason.INVALID_ENCODING, f"the body must be UTF-8; byte {error.start} is not")
        try:
            return self._whole.decode(body)
        except _ERRORS:
            return self._read_slowly(body)

    def _read_slowly(self, body: bytes) -> Reading | Rejection:
        envelope = _open(body)
        if isinstance(envelope, Rejection) and envelope.reason is RejectReason.INVALID_JSON and b"\\u" in body:
            envelope = _open(mark_lone_surrogates(body))
        if isinstance(envelope, Rejection):
            return envelope
        if len(envelope.events) > MAX_EVENTS:
            return Rejection(RejectReason.TOO_MANY_EVENTS, f"{len(envelope.events)} events in a batch; at most {MAX_EVENTS} are taken")
        if not envelope.events:
            return Rejection(RejectReason.NO_EVENTS, "a batch has at least one event")
        reading = Reading(envelope.version, envelope.site, envelope.sent_at, unknown_keys=_unknown_batch_keys(body))
        reading.events = [self._read_event(raw, reading) for raw in envelope.events]
        return reading

    def _read_event(self, raw: msgspec.Raw | bytes, reading: Reading) -> Event | Rejection:
        try:
            return self._event.decode(raw)
        except _ERRORS as error:
            if OUT_OF_RANGE in str(error) and (clamped := clamp_numbers(bytes(raw))) != raw:
                return self._read_event(clamped, reading)
            if "unknown field" not in str(error):
                return _refusal(error, raw)
        try:
            event = self._lenient.decode(raw)
        except _ERRORS as error:
            return _refusal(error, raw)
        reading.unknown_keys += _keys_beside(raw, self._event_keys)
        return event


def _open(body: bytes) -> Envelope | Rejection:
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


def _refusal(error: Exception, raw: msgspec.Raw | bytes) -> Rejection:
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


def _keys_beside(raw: bytes | msgspec.Raw, known: frozenset[str]) -> int:
    try:
        return len(_KEYS.decode(raw).keys() - known)
    except _ERRORS:
        return 0


def _unknown_batch_keys(body: bytes) -> int:
    return _keys_beside(body, _BATCH_KEYS)


_ENVELOPE: Final = Decoder(Envelope)
_ONLY_ID: Final = Decoder(_OnlyId)
_KEYS: Final = Decoder(dict[str, msgspec.Raw])
_BATCH_KEYS: Final = frozenset(Envelope.__struct_fields__)
