"""Identifiers that come with an event: what is one, and which key stands for a party that has none."""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from collector.events.event import Event

is_identifier = re.compile("[0-9a-f]{32}").fullmatch
is_event_type = re.compile("[A-Za-z][A-Za-z0-9_.:/-]{0,63}").fullmatch
is_site = re.compile("[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch


class IdentifierRules(NamedTuple):
    """What the identifiers, types and parameters of a source's batches may look like."""

    is_event_id: Callable[[str], object]
    is_page_view_id: Callable[[str], object]
    is_event_type: Callable[[str], object]
    canonical: Callable[[str], str | None]  # of parties and sessions that have other than 32 digits
    event_key: Callable[[Event], str]  # what the converter knows an event by whose id has other than 32 digits
    told: str  # what identifiers would be right
    parameters: type = dict  # what a page may send of its own


def _none(_: str) -> None:
    return None


def _id_of(event: Event) -> str:
    return event.id


PLAIN = IdentifierRules(is_identifier, is_identifier, is_event_type, _none, _id_of, "32 digits of 0-9 and a-f")


def partition_key_function(secret: bytes) -> Callable[[tuple[str, str | None, str | None]], bytes]:
    """Make the function from (site, cut address, agent) to one of 4,096 keys: one party's events keep their order, nobody is told apart."""

    def partition_key(party: tuple[str, str | None, str | None]) -> bytes:
        text = "\0".join(part or "" for part in party)
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=2, key=secret).hexdigest()
        return digest[:3].encode()

    return partition_key
