"""Validation of an event in Divolte's JSON form: mandatory properties, identifiers, time, texts, event parameters."""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from cleaning.emails import masked_json, may_hold_in_json
from cleaning.parameters import cleaned, has_nul, nesting_problem, parameters_text, size_problem
from cleaning.texts import UNWANTED
from collector.divolte.identifiers import canonical
from collector.divolte.json_body import Flag, JsonEvent, PartyEvent
from collector.events.event import LATEST, Rejection, RejectReason

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FLAGS: Final = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
_TEXTS: Final = ("event_id", "event_type")
_is_instant = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d(?::\d\d)?)?", re.ASCII).fullmatch


class ValidEvent(msgspec.Struct, frozen=True, gc=False):
    """The result of a successful validation; identifiers are in canonical form."""

    party_id: str
    session_id: str
    event_id: str
    created_at: int
    is_cleaned: bool
    parameters_text: bytes | None


def validate(
    event: JsonEvent, party_id: str | None, *, has_controls: bool, is_strict: bool, mask_parameters: bool
) -> ValidEvent | Rejection:
    """Validate an event and write its values in their canonical form; `party_id` is that of the request."""
    if isinstance(event, PartyEvent) and event.party_id is not None:
        party_id = canonical(event.party_id)
    session_id = event.session_id and canonical(event.session_id)
    created_at = milliseconds(event.client_timestamp_iso or "", needs_offset=is_strict)
    event.is_new_party, event.is_new_session = flag(event.is_new_party), flag(event.is_new_session)
    if not (party_id and session_id) or created_at is None or None in (event.event_id, event.is_new_party, event.is_new_session):
        return _first_fault(event, party_id, session_id, created_at)
    problem = None if event.parameters is None else nesting_problem(event.parameters)
    is_cleaned = False
    if has_controls and problem is None:
        if _holds_nul(event):
            return Rejection(RejectReason.INVALID_TEXT, "a text holds NUL or half a surrogate pair")
        is_cleaned = not is_strict and _clean(event)
    text = None
    if problem is None and event.parameters is not None:
        text = parameters_text(event.parameters)
        problem = size_problem(text)
        if mask_parameters and problem is None and may_hold_in_json(text):
            event.parameters = masked_json(event.parameters)
            text = parameters_text(event.parameters)
    if problem is not None:
        return Rejection(RejectReason.INVALID_PARAMETERS, problem)
    event.session_id = session_id
    return ValidEvent(party_id, session_id, event.event_id or "", created_at, is_cleaned, text)


def _first_fault(event: JsonEvent, party_id: str | None, session_id: str | None, created_at: int | None) -> Rejection:
    has_own_party = isinstance(event, PartyEvent) and event.party_id is not None
    faults = (
        (not party_id and has_own_party, RejectReason.INVALID_PARTY, "party_id must be 0:time:unique, the time in base 36"),
        (not party_id, RejectReason.MISSING_PARTY, "neither the query nor the event names the party"),
        (event.session_id is None, RejectReason.MISSING_SESSION, "session_id is missing"),
        (not session_id, RejectReason.INVALID_SESSION, "session_id must be 0:time:unique, the time in base 36"),
        (event.event_id is None, RejectReason.MISSING_EVENT_ID, "event_id is missing"),
        (
            created_at is None,
            RejectReason.INVALID_CLIENT_TIME,
            "client_timestamp_iso must be an ISO 8601 instant with offset, from 1970 on",
        ),
        (True, RejectReason.MISSING_FLAG, "is_new_party and is_new_session must be true or false"),
    )
    return next(Rejection(reason, message) for is_so, reason, message in faults if is_so)


def flag(value: Flag) -> bool | None:
    """Read a boolean as Jackson does; None if it is not valid."""
    if isinstance(value, str):
        return _FLAGS.get(value.strip())
    return None if value is None else bool(value)


def milliseconds(text: str, *, needs_offset: bool) -> int | None:
    """Return the milliseconds since 1970 of an ISO 8601 instant, UTC where it has no offset and needs none; None if it is not valid."""
    matched = _is_instant(text)
    if matched is None or (needs_offset and matched[1] is None):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
        since = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    number = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return number if 0 <= number <= LATEST else None


def _holds_nul(event: JsonEvent) -> bool:
    return any("\0" in (getattr(event, name) or "") for name in _TEXTS) or has_nul(event.parameters)


def _clean(event: JsonEvent) -> bool:
    """Remove control characters from the texts of an event; return whether there were any."""
    before = (event.event_id, event.event_type, event.parameters)
    event.event_id = UNWANTED.sub("", event.event_id or "")
    event.event_type = event.event_type and UNWANTED.sub("", event.event_type)
    event.parameters = cleaned(event.parameters)
    return (event.event_id, event.event_type, event.parameters) != before
