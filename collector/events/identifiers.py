"""Rules for the identifiers of events, and partition keys for events without a party."""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from collector.events.event import Event

is_identifier = re.compile("[0-9a-f]{32}").fullmatch
is_event_type = re.compile("[A-Za-z][A-Za-z0-9_.:/-]{0,63}").fullmatch
is_site = re.compile("[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch


class IdentifierRules(NamedTuple):
    """Rules for the identifiers, types and parameters of a source's batches."""

    is_event_id: Callable[[str], object]
    is_page_view_id: Callable[[str], object]
    is_event_type: Callable[[str], object]
    canonical: Callable[[str], str | None]  # form of a party or session id other than 32 digits; None if it is not valid
    description: str  # of valid identifiers
    parameters: type = dict  # of the event parameters
    digest: Callable[[Event], bytes] | None = None  # for the memory of duplicates, and the key of the event; None: its id is the key


def _no_other_form(_: str) -> None:
    return None


TRACKER_RULES = IdentifierRules(is_identifier, is_identifier, is_event_type, _no_other_form, "32 digits of 0-9 and a-f")


def partition_key_function(secret: bytes) -> Callable[[tuple[str, str | None, str | None]], bytes]:
    """Return the function from site, truncated client IP and user agent to one of 4,096 keys.

    The events of a client keep their order, and no client can be identified by its key.
    """

    def partition_key(fingerprint: tuple[str, str | None, str | None]) -> bytes:
        text = "\0".join(part or "" for part in fingerprint)
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=2, key=secret).hexdigest()
        return digest[:3].encode()

    return partition_key
