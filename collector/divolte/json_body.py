"""Parser of bodies in the form of Divolte's JSON source: one event, or a list of up to 100."""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
from msgspec.json import Decoder

from cleaning.texts import TOO_LONG, mark_lone_surrogates
from collector.events.event import Rejection, RejectReason, Text
from collector.events.json_numbers import OUT_OF_RANGE, clamp_numbers

MAX_EVENTS: Final = 100
_MAX_MESSAGE: Final = 200
_FIELD = re.compile(r"- at `\$\.(\w+)")

Flag: TypeAlias = bool | int | str | None


class JsonEvent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One event. Mandatory properties have a default, so that each gets its own reject reason when it is missing."""

    session_id: str | None = None
    event_id: Text = None
    is_new_party: Flag = None
    is_new_session: Flag = None
    client_timestamp_iso: str | None = None
    event_type: Text = None
    parameters: object = None


class PartyEvent(JsonEvent, forbid_unknown_fields=True, gc=False):
    """One event that may name its party."""

    party_id: str | None = None


class LenientPartyEvent(PartyEvent, forbid_unknown_fields=False, gc=False):
    """An event with keys that this version does not know."""


# Reject reasons by property; a wrong type of any other property is an invalid field.
_REASONS: Final = {
    "session_id": RejectReason.INVALID_SESSION,
    "party_id": RejectReason.INVALID_PARTY,
    "event_id": RejectReason.MISSING_EVENT_ID,
    "is_new_party": RejectReason.MISSING_FLAG,
    "is_new_session": RejectReason.MISSING_FLAG,
    "client_timestamp_iso": RejectReason.INVALID_CLIENT_TIME,
    "parameters": RejectReason.INVALID_PARAMETERS,
}
_UNREADABLE: Final = {RejectReason.INVALID_JSON, RejectReason.INVALID_ENCODING}
_UNKNOWN: Final = "unknown field"
_BLANKS: Final = b" \t\r\n"
_ERRORS: Final = (msgspec.DecodeError, ValueError, RecursionError)

_strict: Final = Decoder(JsonEvent)
_known: Final = Decoder(PartyEvent)
_lenient: Final = Decoder(LenientPartyEvent)
_many: Final = Decoder(list[PartyEvent])
_raw: Final = Decoder(list[msgspec.Raw])
_keys: Final = Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class ParsedBody:
    """The events of a body; an event that cannot be parsed is its rejection."""

    events: list[PartyEvent | Rejection]
    is_list: bool = False
    unknown_keys: int = 0


def parse_one(body: bytes) -> JsonEvent | Rejection:
    """Parse one event as the original does, which rejects unknown properties."""
    try:
        return _strict.decode(mark_lone_surrogates(body) if b"\\u" in body else body)
    except _ERRORS as error:
        return _rejection(error)


def parse_all(body: bytes) -> ParsedBody | Rejection:
    """Parse one event or a list of events; unknown properties are counted."""
    is_list = body.lstrip(_BLANKS).startswith(b"[")
    if is_list:
        try:
            return _sized(ParsedBody([*_many.decode(body)], is_list))
        except _ERRORS:  # parse one by one to find those that are wrong
            pass
    if b"\\u" in body:
        body = mark_lone_surrogates(body)
    return _parse_each(body) if is_list else _parse_single(body)


def _parse_single(body: bytes) -> ParsedBody | Rejection:
    parsed = ParsedBody([])
    event = _parse_into(parsed, body)
    return event if isinstance(event, Rejection) and event.reason in _UNREADABLE else parsed


def _parse_each(body: bytes) -> ParsedBody | Rejection:
    try:
        parts = _raw.decode(body)
    except _ERRORS as error:
        return _rejection(error)
    parsed = ParsedBody([], is_list=True)
    for part in parts[: MAX_EVENTS + 1]:
        _parse_into(parsed, part)
    return _sized(parsed)


def _sized(parsed: ParsedBody) -> ParsedBody | Rejection:
    if len(parsed.events) > MAX_EVENTS:
        return Rejection(RejectReason.TOO_MANY_EVENTS, f"a body has at most {MAX_EVENTS} events")
    return parsed if parsed.events else Rejection(RejectReason.NO_EVENTS, "a list has at least one event")


def _parse_into(parsed: ParsedBody, body: bytes | msgspec.Raw) -> JsonEvent | Rejection:
    event: PartyEvent | Rejection
    try:
        event = _known.decode(body)
    except _ERRORS as error:
        if OUT_OF_RANGE in str(error) and (clamped := clamp_numbers(bytes(body))) != body:
            return _parse_into(parsed, clamped)
        event = _rejection(error)
        if _UNKNOWN in event.message:
            event = _parse_leniently(parsed, body)
    parsed.events.append(event)
    return event


def _parse_leniently(parsed: ParsedBody, body: bytes | msgspec.Raw) -> PartyEvent | Rejection:
    try:
        event = _lenient.decode(body)
        parsed.unknown_keys += len(_keys.decode(body).keys() - set(PartyEvent.__struct_fields__))
    except _ERRORS as error:
        return _rejection(error)
    return event


def _rejection(error: Exception) -> Rejection:
    text = str(error)[:_MAX_MESSAGE]
    if isinstance(error, RecursionError):
        return Rejection(RejectReason.INVALID_PARAMETERS, "an event must not be nested that deep")
    if isinstance(error, UnicodeDecodeError):
        return Rejection(RejectReason.INVALID_ENCODING, "the body must be UTF-8")
    if not isinstance(error, msgspec.ValidationError):
        return Rejection(RejectReason.INVALID_JSON, f"the body must be JSON: {text}"[:_MAX_MESSAGE])
    if TOO_LONG in text:
        return Rejection(RejectReason.INVALID_TEXT, text)
    named = _FIELD.search(text)
    if named is None:
        return Rejection(RejectReason.INVALID_FIELD if _UNKNOWN in text else RejectReason.INVALID_EVENT, text)
    return Rejection(_REASONS.get(named[1], RejectReason.INVALID_FIELD), text)
