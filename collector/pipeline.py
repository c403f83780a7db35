"""The way of a beacon: from the bytes of a body to messages for the topic and the answer for the page.

The order of the steps is that of `Pipeline.take`: read, check the batch, then for each event: clean, check, find the time, look
whether it is a repeat, find the party, map and encode. No framework knows of it, and it knows of none.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from cleaning.click_ids import without_values, without_values_json
from cleaning.emails import masked_json, may_hold_in_json
from cleaning.parameters import cleaned, has_nul, nesting_problem, parameters_text, problem_of
from cleaning.texts import UNWANTED, may_hold_unwanted
from collector.events.batch_parser import BodyReader, Reading
from collector.events.duplicates import REPEATED, DuplicateMemory
from collector.events.event import LATEST, Batch, Event, Rejection, RejectReason, TrustedBatch, TrustedEvent
from collector.events.identifiers import PLAIN, IdentifierRules, is_identifier, is_site
from collector.requests.client import ClientInfo
from collector.requests.http_types import CLOSE, JSON, Outcome, Response
from mapping.avro import BoundedCache
from mapping.compilation.compiler import Encoder
from mapping.operations.headers import AnonymousHeaders
from topics.topic import Kind, Message

VERSION = 1
DAY_MS = SKEW_MS = 24 * 60 * 60 * 1000
OK, DUPLICATE = "ok", "duplicate"
NOT_ALLOWED = "this source takes no events of this site; its operator lists the sites that it takes"

Readable: TypeAlias = Batch | TrustedBatch | Reading
ClientFingerprint: TypeAlias = tuple[str, str | None, str | None]  # site, cut address, agent
PartitionKey: TypeAlias = Callable[[ClientFingerprint], bytes]

_STATUS = {
    RejectReason.BODY_TOO_LARGE: 413,
    RejectReason.TOO_MANY_EVENTS: 413,
    RejectReason.BODY_TOO_SLOW: 408,
    RejectReason.INVALID_CONTENT_ENCODING: 415,
    RejectReason.SITE_NOT_ALLOWED: 403,  # as for a page of a foreign origin: the tracker sends nothing more from this page
}
_TEXTS = ("type", "url", "title", "referrer", "language", "time_zone", "target", "currency", "product_id")
_TRUSTED_TEXTS = (*_TEXTS, "address", "user_agent")
_encode_json = msgspec.json.Encoder().encode


class _Beacon(NamedTuple):
    """What the events of one request have in common."""

    site: str
    received_at: int
    sent_at: int
    client: ClientInfo
    has_controls: bool


_ONE_OK = (OK,)
_HEADERS = (JSON,)
_ALL_OK = [Response(200, _HEADERS, _encode_json({"results": [OK] * count})) for count in range(51)]


class Pipeline:
    """Takes the beacons of one source."""

    def __init__(
        self,
        encode: Encoder,
        partition_key: PartitionKey,
        *,
        encode_copy: Encoder | None = None,
        source: str,
        is_trusted: bool,
        truncate_ip: Callable[[str], str | None],
        rules: IdentifierRules = PLAIN,
        site: str | None = None,
        sites: frozenset[str] = frozenset(),
        max_age_ms: int = LATEST,
        event_prefix: str = "",
        memory: DuplicateMemory | None = None,
        drops_duplicates: bool = False,
        mask_parameters: bool = True,
    ) -> None:
        self._encode: Encoder = encode
        self._encode_copy: Encoder | None = encode_copy
        self._source = source
        self._is_trusted = is_trusted
        self._truncate_ip = truncate_ip
        self._rules, self._site, self._event_prefix = rules, site, event_prefix
        self._sites, self._max_age_ms = sites, max_age_ms
        self._memory, self._drops_duplicates = memory, drops_duplicates
        self._mask_parameters = mask_parameters
        self._reader = BodyReader(is_trusted=is_trusted)
        self._keys = BoundedCache[ClientFingerprint, bytes](partition_key)
        self._texts = _TRUSTED_TEXTS if is_trusted else _TEXTS

    def take(self, body: bytes, received_at: int, client: ClientInfo) -> Outcome:
        """Take one beacon."""
        batch = self._reader.read(body)
        if isinstance(batch, Rejection):
            return self.reject(batch, received_at)
        if refusal := _check_batch(batch, self._is_trusted):
            return self.reject(refusal, received_at)
        if self._sites and batch.site not in self._sites:
            return self.reject(Rejection(RejectReason.SITE_NOT_ALLOWED, NOT_ALLOWED), received_at)
        sent_at = received_at if batch.sent_at is None else int(batch.sent_at)
        beacon = _Beacon(self._site or batch.site, received_at, sent_at, client, may_hold_unwanted(body))
        unknown_keys = batch.unknown_keys if isinstance(batch, Reading) else 0
        events: Sequence[Event | Rejection] = batch.events
        copies: list[Message] = []
        if len(events) == 1 and isinstance(only := events[0], Event):  # most beacons: no need to look for repeats
            made = self._message(only, beacon, copies)
            if isinstance(made, Message):
                return Outcome(_ALL_OK[1], (made,), _ONE_OK, unknown_keys, copies=copies)
            events = (made,)
        messages: list[Message] = []
        results: list[str] = []
        seen: set[str] = set()
        for event in events:
            if not isinstance(event, Rejection):
                if event.id in seen:
                    messages.append(self._repeated(event, received_at))
                    results.append(DUPLICATE)
                    continue
                made = self._message(event, beacon, copies)
                if isinstance(made, Message):
                    seen.add(event.id)
                    messages.append(made)
                    results.append(OK)
                    continue
                event = made  # noqa: PLW2901 - refused now as others were while reading
            messages.append(self._rejected(event, received_at))
            results.append(event.reason)
        return _outcome(messages, results, len(seen), unknown_keys, copies)

    def reject(self, refusal: Rejection, received_at: int) -> Outcome:
        """Refuse a beacon as a whole: one received, one rejected, nothing of it stored."""
        status = _STATUS.get(refusal.reason, 400)
        answer = Response(
            status,
            (*_HEADERS, CLOSE) if status in (408, 413) else _HEADERS,
            _encode_json({"reason": refusal.reason, "message": refusal.message}),
        )
        return Outcome(answer, [self._rejected(refusal, received_at)], error_reason=refusal.reason)

    def _rejected(self, refusal: Rejection, received_at: int) -> Message:
        detail = _encode_json({"message": refusal.message})
        return Message(Kind.REJECTION, received_at, self._source, refusal.reason.encode(), refusal.event_id, detail)

    def _repeated(self, event: Event, received_at: int) -> Message:
        """Tell the converter of an event that came twice in one batch: it counts among the duplicates."""
        return Message(
            Kind.REJECTION, received_at, self._source, DUPLICATE.encode(), self._event_key(event), b'{"message":"twice in one batch"}'
        )

    def _message(self, event: Event, beacon: _Beacon, copies: list[Message]) -> Message | Rejection:
        site, received_at, sent_at, client, has_controls = beacon
        address, user_agent, headers = client.ip, client.user_agent, client.headers
        is_cleaned = _clean(event, self._texts) if has_controls else False
        if isinstance(is_cleaned, Rejection):
            return is_cleaned
        if refusal := _check(event, self._rules):
            return refusal
        event_key = self._event_key(event)
        if self._event_prefix:
            event.type = self._event_prefix + event.type
        text = None if event.parameters is None else self._parameters(event)
        if isinstance(text, str):
            return Rejection(RejectReason.INVALID_PARAMETERS, text, event_key)
        created_at = None if event.created_at is None else int(event.created_at)
        occurred_at, is_skewed = _instant(event, created_at, received_at, sent_at)
        if received_at - occurred_at > self._max_age_ms:
            days = self._max_age_ms / DAY_MS
            return Rejection(RejectReason.EVENT_TOO_OLD, f"an event of a page must have happened within the last {days:g} days", event_key)
        if isinstance(event, TrustedEvent):
            address, user_agent = self._truncate_ip(event.address) if event.address else None, event.user_agent
        is_repeat = self._memory is not None and self._memory.is_repeat(bytes.fromhex(event_key))
        if is_repeat and self._drops_duplicates:
            return Rejection(RejectReason.DUPLICATE, REPEATED, event_key)
        party_kind, party_id, session_id = _party(event, client)
        if party_kind == "none":
            headers = AnonymousHeaders(headers)
            _drop_click_ids(event)
            text = text and parameters_text(event.parameters)
        facts = (
            event,
            site,
            self._source,
            received_at,
            occurred_at,
            created_at,
            party_kind,
            party_id,
            session_id,
            address,
            user_agent,
            is_skewed,
            is_cleaned,
            event.parameters,
            text,
            event_key,
            client.remote_host,
            headers,
            False,  # this form has no checksum
            is_repeat,  # where there is no memory, the converter alone knows repeats
        )
        key = self._key((site, address, user_agent)) if party_id is None else party_id.encode()
        if self._encode_copy is not None:
            copies.append(Message(Kind.EVENT, received_at, self._source, key, event_key, self._encode_copy(*facts)))
        return Message(Kind.EVENT, received_at, self._source, key, event_key, self._encode(*facts))

    def _parameters(self, event: Event) -> bytes | str:
        """Return the text of an event's parameters, without e-mail addresses; or what is too large about them."""
        text = parameters_text(event.parameters)
        if problem := problem_of(event.parameters, text):
            return problem
        if not self._mask_parameters or not may_hold_in_json(text):
            return text
        event.parameters = masked_json(event.parameters)
        return parameters_text(event.parameters)

    def _event_key(self, event: Event) -> str:
        return event.id if is_identifier(event.id) else self._rules.event_key(event)

    def _key(self, likeness: ClientFingerprint) -> bytes:
        """Give the partition key of events without a party."""
        return self._keys.entries.get(likeness) or self._keys.compute(likeness)


def _outcome(messages: list[Message], results: list[str], taken: int, unknown_keys: int, copies: list[Message]) -> Outcome:
    if taken == len(results):
        return Outcome(_ALL_OK[taken], messages, results, unknown_keys, copies=copies)
    if taken:
        return Outcome(Response(200, _HEADERS, _encode_json({"results": results})), messages, results, unknown_keys, copies=copies)
    detail = msgspec.json.decode(messages[0].value)
    answer = {"results": results, "reason": results[0], "message": detail["message"]}
    return Outcome(Response(422, _HEADERS, _encode_json(answer)), messages, results, unknown_keys)


def _instant(event: Event, created_at: int | None, received_at: int, sent_at: int) -> tuple[int, bool]:
    """Say when it happened by our clock, and whether the page's is far off; a trusted source's word is taken as it is."""
    if isinstance(event, TrustedEvent) and event.occurred_at is not None:
        return int(event.occurred_at), False
    occurred_at = received_at - sent_at + (created_at or 0)
    return min(max(occurred_at, 0), received_at), not -SKEW_MS <= received_at - sent_at <= SKEW_MS


def _party(event: Event, client: ClientInfo) -> tuple[str, str | None, str | None]:
    """Give kind, party id and session id: ids only where there is consent and no signal against it."""
    party_kind, party_id, session_id = "consented", event.party_id, event.session_id
    if client.has_opted_out or event.is_private:
        party_kind, party_id, session_id = "none", None, None
        event.is_new_party = event.is_first_in_session = None  # having been here before is not to be known either
    elif party_id is None:
        party_kind, session_id = "private", None
    if client.visitor is not None and (known := client.visitor.party_for(party_kind, party_id)) != party_id:
        party_id, event.is_new_party = known, False
    return party_kind, party_id, session_id


def _drop_click_ids(event: Event) -> None:
    """Leave out what tells one click from another, for a visitor who is not to be known."""
    event.url, event.referrer, event.target = (one and without_values(one) for one in (event.url, event.referrer, event.target))
    event.parameters = without_values_json(event.parameters)


def _check_batch(batch: Readable, is_trusted: bool) -> Rejection | None:
    if batch.version != VERSION:
        return Rejection(RejectReason.UNKNOWN_VERSION, f"version must be {VERSION}")
    if not is_site(batch.site):
        return Rejection(RejectReason.INVALID_SITE, "site must be 1 to 64 letters, digits, _ - . :, a letter or digit first")
    if batch.sent_at is None:
        return (
            None
            if is_trusted
            else Rejection(RejectReason.INVALID_TIME, "sent_at must say when the batch was sent, in milliseconds since 1970")
        )
    if not 0 <= batch.sent_at <= LATEST:
        return Rejection(RejectReason.INVALID_TIME, "sent_at must be milliseconds since 1970, before the year 10000")
    return None


def _check(event: Event, rules: IdentifierRules) -> Rejection | None:
    """Check what the decoder could not: identifiers, put in their canonical form, the type and the times."""
    if not rules.is_event_id(event.id):
        return Rejection(RejectReason.INVALID_EVENT_ID, f"id must be {rules.told}")
    if not rules.is_event_type(event.type):
        return Rejection(RejectReason.INVALID_EVENT_TYPE, "type must be 1 to 64 letters, digits, _ - . : /, a letter first", event.id)
    if event.parameters is not None and not isinstance(event.parameters, rules.parameters):
        return Rejection(RejectReason.INVALID_PARAMETERS, "parameters must be an object", event.id)
    if not _has_valid_identifiers(event, rules):
        told = f"page_view_id, party_id and session_id must be {rules.told}"
        return Rejection(RejectReason.INVALID_IDENTIFIER, told, event.id)
    occurred_at = event.occurred_at if isinstance(event, TrustedEvent) else None
    instant = event.created_at if occurred_at is None else occurred_at
    if instant is None or not 0 <= instant <= LATEST or (event.created_at is not None and not 0 <= event.created_at <= LATEST):
        return Rejection(RejectReason.INVALID_TIME, "created_at must be milliseconds since 1970, before the year 10000", event.id)
    return None


def _valid_id(event: Event) -> str:
    return event.id if is_identifier(event.id) else ""


def _has_valid_identifiers(event: Event, rules: IdentifierRules) -> bool:
    if event.page_view_id is not None and not rules.is_page_view_id(event.page_view_id):
        return False
    party_id, session_id = event.party_id, event.session_id
    if party_id is not None and not is_identifier(party_id):
        party_id = event.party_id = rules.canonical(party_id)
        if party_id is None:
            return False
    if session_id is not None and not is_identifier(session_id):
        session_id = event.session_id = rules.canonical(session_id)
        return session_id is not None
    return True


def _holds_nul(event: Event, texts: Sequence[str]) -> bool:
    return any("\0" in (getattr(event, name) or "") for name in texts) or has_nul(event.parameters)


def _clean(event: Event, texts: Sequence[str]) -> bool | Rejection:
    """Remove unwanted characters from the texts of an event; return whether there were any, or why it cannot be done."""
    if event.parameters and (problem := nesting_problem(event.parameters)):
        return Rejection(RejectReason.INVALID_PARAMETERS, problem, _valid_id(event))
    if _holds_nul(event, texts):
        return Rejection(RejectReason.INVALID_TEXT, "a text holds NUL or half a surrogate pair", _valid_id(event))
    changed = False
    for name in texts:
        text = getattr(event, name)
        if text and UNWANTED.search(text):
            setattr(event, name, UNWANTED.sub("", text))
            changed = True
    parameters = cleaned(event.parameters)
    if parameters != event.parameters:
        event.parameters = parameters
        changed = True
    return changed
