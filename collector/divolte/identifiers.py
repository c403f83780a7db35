"""Divolte's identifiers of parties and sessions: `0:time:unique`, the time in base 36."""

import re

from cleaning.texts import CONTROL
from collector.events.duplicates import event_digest
from collector.events.event import Event
from collector.events.identifiers import IdentifierRules, is_identifier
from mapping.operations.base36 import number36, text36

MAX_BYTES = 255  # of a partition key

_is_canonical = re.compile("0:(?:0|-?[1-9a-z][0-9a-z]{0,11}):[A-Za-z0-9~_!-]{0,200}").fullmatch

_is_text = re.compile("[^\x00-\x1f\x7f-\x9f]{1,255}").fullmatch


def canonical(text: str) -> str | None:
    """Return the canonical form of an identifier, which everything behind the collector uses; None if it is not valid."""
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


def _is_short_text(text: str) -> bool:
    return _is_text(text) is not None and len(text.encode()) <= MAX_BYTES


def _digest(event: Event) -> bytes:
    """Return the digest of an event, which is the same whether it arrives in a batch or as a pixel."""
    if is_identifier(event.id):
        return bytes.fromhex(event.id)
    return event_digest(event.party_id or "", event.session_id or "", event.id)


DIVOLTE_RULES = IdentifierRules(
    is_event_id=_is_short_text,
    is_page_view_id=_is_short_text,
    is_event_type=_is_short_text,
    canonical=canonical,
    description="up to 255 bytes; of a party and a session 0:time:unique",
    parameters=object,
    digest=_digest,
)
