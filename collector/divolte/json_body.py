"""Reads the bodies of servers that send events as Divolte's JSON source has them: one, or a list of up to 100."""

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
    """One event. What is mandatory has a default, so that its absence gets the reason of its own."""

    session_id: str | None = None
    event_id: Text = None
    is_new_party: Flag = None
    is_new_session: Flag = None
    client_timestamp_iso: str | None = None
    event_type: Text = None
    parameters: object = None


class PartyEvent(JsonEvent, forbid_unknown_fields=True, gc=False):
    """One event that may say whose it is."""

    party_id: str | None = None


class LenientEvent(PartyEvent, forbid_unknown_fields=False, gc=False):
    """An event with keys that this version does not know."""


# Reasons of the fields that have one of their own; a wrong type elsewhere is an invalid field.
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
_lenient: Final = Decoder(LenientEvent)
_many: Final = Decoder(list[PartyEvent])
_raw: Final = Decoder(list[msgspec.Raw])
_keys: Final = Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Reading:
    """What a body says; an event that cannot be read is the refusal of it."""

    events: list[PartyEvent | Rejection]
    is_list: bool = False
    unknown_keys: int = 0


def read_one(body: bytes) -> JsonEvent | Rejection:
    """Read one event as the original does: a property that it does not know is the end of it."""
    try:
        return _strict.decode(mark_lone_surrogates(body) if b"\\u" in body else body)
    except _ERRORS as error:
        return _refusal(error)


def read_all(body: bytes) -> Reading | Rejection:
    """Read one event or a list of them; properties that are not known are counted."""
    is_list = body.lstrip(_BLANKS).startswith(b"[")
    if is_list:
        try:
            return _sized(Reading([*_many.decode(body)], is_list))
        except _ERRORS:  # one of them is wrong: which is?
            pass
    if b"\\u" in body:
        body = mark_lone_surrogates(body)
    return _read_each(body) if is_list else _read_single(body)


def _read_single(body: bytes) -> Reading | Rejection:
    reading = Reading([])
    event = _read_into(reading, body)
    return event if isinstance(event, Rejection) and event.reason in _UNREADABLE else reading


def _read_each(body: bytes) -> Reading | Rejection:
    try:
        parts = _raw.decode(body)
    except _ERRORS as error:
        return _refusal(error)
    reading = Reading([], is_list=True)
    for part in parts[: MAX_EVENTS + 1]:
        _read_into(reading, part)
    return _sized(reading)


def _sized(reading: Reading) -> Reading | Rejection:
    if len(reading.events) > MAX_EVENTS:
        return Rejection(RejectReason.TOO_MANY_EVENTS, f"at most {MAX_EVENTS} events are taken in a body")
    return reading if reading.events else Rejection(RejectReason.NO_EVENTS, "a list has at least one event")


def _read_into(reading: Reading, body: bytes | msgspec.Raw) -> JsonEvent | Rejection:
    event: PartyEvent | Rejection
    try:
        event = _known.decode(body)
    except _ERRORS as error:
        if OUT_OF_RANGE in str(error) and (clamped := clamp_numbers(bytes(body))) != body:
            return _read_into(reading, clamped)
        event = _refusal(error)
        if _UNKNOWN in event.message:
            event = _read_leniently(reading, body)
    reading.events.append(event)
    return event


def _read_leniently(reading: Reading, body: bytes | msgspec.Raw) -> PartyEvent | Rejection:
    try:
        event = _lenient.decode(body)
        reading.unknown_keys += len(_keys.decode(body).keys() - set(PartyEvent.__struct_fields__))
    except _ERRORS as error:
        return _refusal(error)
    return event


def _refusal(error: Exception) -> Rejection:
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
