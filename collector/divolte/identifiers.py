"""Divolte's identifiers of parties and sessions: `0:time:unique`, the time in base 36."""

import re

from cleaning.texts import CONTROL
from collector.events.duplicates import event_digest
from collector.events.event import Event
from collector.events.identifiers import IdentifierRules
from mapping.operations.base36 import number36, text36

MAX_BYTES = 255  # a partition key can have no more

_is_canonical = re.compile("0:(?:0|-?[1-9a-z][0-9a-z]{0,11}):[A-Za-z0-9~_!-]{0,200}").fullmatch

_is_text = re.compile("[^\x00-\x1f\x7f-\x9f]{1,255}").fullmatch


def canonical(text: str) -> str | None:
    """Give the form that everything behind the collector knows an identifier by; None if it is none."""
    if _is_canonical(text):
        return text
    parts = text.split(":", 3)
    if len(parts) != 3 or parts[0] != "0" or "\0" in text or CONTROL.search(text):
        return None
    time = number36(parts[1])
    if time is None:
        return None
    written = f"0:{text36(time)}:{parts[2]}"
    return written if len(written.encode()) <= MAX_BYTES else None


def _is_text_of_a_message(text: str) -> bool:
    return _is_text(text) is not None and len(text.encode()) <= MAX_BYTES


def _event_key(event: Event) -> str:
    """Give the key that the same event has if it comes as a GET."""
    return event_digest(event.party_id or "", event.session_id or "", event.id).hex()


BATCHES = IdentifierRules(
    is_event_id=_is_text_of_a_message,
    is_page_view_id=_is_text_of_a_message,
    is_event_type=_is_text_of_a_message,
    canonical=canonical,
    event_key=_event_key,
    told="up to 255 bytes; of a party and a session 0:time:unique",
    parameters=object,
)
