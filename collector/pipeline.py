"""The path of a batch: from the bytes of a body to messages for the topic and the response for the page.

`Pipeline.take` parses and validates the batch, then takes each event through the steps of `STEPS`. It depends on no framework.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from cleaning.click_ids import without_values, without_values_json
from cleaning.emails import masked_json, may_hold_in_json
from cleaning.parameters import cleaned, has_nul, nesting_problem, parameters_text, problem_of
from cleaning.texts import UNWANTED, may_hold_unwanted
from collector.events.batch_parser import BatchParser, ParsedBatch
from collector.events.event import (
    LATEST,
    MAX_EVENTS,
    TEXTS,
    TRUSTED_TEXTS,
    Batch,
    Event,
    Rejection,
    RejectReason,
    TrustedBatch,
    TrustedEvent,
)
from collector.events.identifiers import TRACKER_RULES, IdentifierRules, is_identifier, is_site
from collector.records import SKEW_MS, RecordWriter
from collector.requests.client import ClientInfo
from collector.requests.client_ip import truncate_ip
from collector.requests.http_types import JSON, OK, ONE_OK, Outcome, Response, closing, error_response, rejection_status, results_response
from topics.topic import Message

# The steps of an event of a batch, in order: the functions that `Pipeline._process` calls, and what each does. Any step but `anonymize`
# may reject the event. `_process` calls them one after the other, not in a loop, which would cost a call per step and event.
STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clean": "remove control characters from texts; reject NUL and lone surrogates",
        "validate": "check identifiers, type and times; write identifiers in canonical form",
        "identify": "find the key by which the converter knows the event",
        "encode_parameters": "check the size of the event parameters and mask email addresses in them",
        "date": "correct the clock of the page, flag a skewed one, reject events that are too old",
        "anonymize": "drop click ids and marks of a returning visitor, if the visitor opted out",
        "write": "deduplicate, find the party, map, encode and make the message (collector/records.py)",
    }
)

VERSION: Final = 1
DAY_MS: Final = 24 * 60 * 60 * 1000

AnyBatch: TypeAlias = Batch | TrustedBatch | ParsedBatch

_SITE_NOT_ALLOWED: Final = "this source does not accept events of this site; its operator lists the accepted sites"
_encode_json = msgspec.json.Encoder().encode
_ALL_OK: Final = [results_response([OK] * count) for count in range(MAX_EVENTS + 1)]


class _BatchContext(NamedTuple):
    """The values that the events of a batch share."""

    site: str
    received_at: int
    sent_at: int
    client: ClientInfo
    may_hold_controls: bool


class Pipeline:
    """Takes the batches of one source."""

    def __init__(
        self,
        writer: RecordWriter,
        *,
        is_trusted: bool = False,
        rules: IdentifierRules = TRACKER_RULES,
        site: str | None = None,
        sites: frozenset[str] = frozenset(),
        max_age_ms: int = LATEST,
        event_prefix: str = "",
        mask_parameters: bool = True,
    ) -> None:
        self._writer, self._is_trusted, self._rules = writer, is_trusted, rules
        self._site, self._sites, self._max_age_ms = site, sites, max_age_ms
        self._event_prefix, self._mask_parameters = event_prefix, mask_parameters
        self._parser = BatchParser(is_trusted=is_trusted)
        self._texts = TRUSTED_TEXTS if is_trusted else TEXTS

    def take(self, body: bytes, received_at: int, client: ClientInfo) -> Outcome:
        """Take one batch."""
        batch = self._parser.parse(body)
        if isinstance(batch, Rejection):
            return self.reject(batch, received_at)
        if rejection := _validate_batch(batch, self._is_trusted):
            return self.reject(rejection, received_at)
        if self._sites and batch.site not in self._sites:
            return self.reject(Rejection(RejectReason.SITE_NOT_ALLOWED, _SITE_NOT_ALLOWED), received_at)
        sent_at = received_at if batch.sent_at is None else int(batch.sent_at)
        context = _BatchContext(self._site or batch.site, received_at, sent_at, client, may_hold_unwanted(body))
        unknown_keys = batch.unknown_keys if isinstance(batch, ParsedBatch) else 0
        events: Sequence[Event | Rejection] = batch.events
        copies: list[Message] = []
        if len(events) == 1 and isinstance(only := events[0], Event):  # most batches: there can be no duplicates
            made = self._process(only, context, copies)
            if isinstance(made, Message):
                return Outcome(_ALL_OK[1], (made,), ONE_OK, unknown_keys, copies=copies)
            events = (made,)
        return self._take_each(events, context, unknown_keys, copies)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a batch as a whole: one message received, one rejected, nothing stored."""
        status = rejection_status(rejection.reason)
        answer = error_response(status, rejection.reason, rejection.message, *closing(status))
        return Outcome(answer, [self._writer.reject(rejection, received_at)], error_reason=rejection.reason)

    def _take_each(self, events: Sequence[Event | Rejection], context: _BatchContext, unknown_keys: int, copies: list[Message]) -> Outcome:
        messages: list[Message] = []
        results: list[str] = []
        rejections: list[Rejection] = []
        seen: set[str] = set()
        for event in events:
            made: Message | Rejection
            if isinstance(event, Rejection):
                made = event
            elif event.id in seen:
                made = Rejection(RejectReason.DUPLICATE, "twice in one batch", self._identify(event)[0])
            else:
                made = self._process(event, context, copies)
                if isinstance(made, Message):
                    seen.add(event.id)
            if isinstance(made, Message):
                messages.append(made)
                results.append(OK)
            else:
                messages.append(self._writer.reject(made, context.received_at))
                results.append(made.reason)
                rejections.append(made)
        if not rejections:
            return Outcome(_ALL_OK[len(results)], messages, results, unknown_keys, copies=copies)
        if seen:
            return Outcome(results_response(results), messages, results, unknown_keys, copies=copies)
        answer = {"results": results, "reason": results[0], "message": rejections[0].message}
        return Outcome(Response(422, (JSON,), _encode_json(answer)), messages, results, unknown_keys)

    def _process(self, event: Event, context: _BatchContext, copies: list[Message]) -> Message | Rejection:
        """Take one event through the steps of `STEPS`."""
        site, received_at, sent_at, client, may_hold_controls = context
        is_cleaned = False
        if may_hold_controls:
            cleaned_or_rejection = _clean(event, self._texts)
            if isinstance(cleaned_or_rejection, Rejection):
                return cleaned_or_rejection
            is_cleaned = cleaned_or_rejection
        if rejection := _validate(event, self._rules):
            return rejection
        event_key, digest = self._identify(event)
        if self._event_prefix:
            event.type = self._event_prefix + event.type
        text = None if event.parameters is None else self._encode_parameters(event)
        if isinstance(text, str):
            return Rejection(RejectReason.INVALID_PARAMETERS, text, event_key)
        created_at = None if event.created_at is None else int(event.created_at)
        occurred_at, is_skewed = _date(event, created_at, received_at, sent_at)
        if received_at - occurred_at > self._max_age_ms:
            return self._too_old(event_key)
        if isinstance(event, TrustedEvent):
            client = _client_of(event, client)
        is_anonymous = client.has_opted_out or event.is_private
        if is_anonymous:
            _anonymize(event)
            text = text and parameters_text(event.parameters)
        elif client.visitor is not None and event.party_id is not None and client.visitor.known not in (None, event.party_id):
            event.is_new_party = False
        return self._writer.write(
            event,
            event_key,
            digest,
            site,
            client,
            received_at,
            occurred_at,
            created_at,
            event.party_id,
            event.session_id,
            is_anonymous,
            is_skewed,
            is_cleaned,
            False,  # a batch has no checksum
            event.parameters,
            text,
            copies,
        )

    def _identify(self, event: Event) -> tuple[str, bytes | None]:
        """Return the key of an event, and its digest for the memory of duplicates where the source has one."""
        if self._rules.digest is None:
            return event.id, None
        digest = self._rules.digest(event)
        return digest.hex(), digest

    def _encode_parameters(self, event: Event) -> bytes | str:
        """Return the event parameters as JSON, with email addresses masked; or what is wrong with them."""
        text = parameters_text(event.parameters)
        if problem := problem_of(event.parameters, text):
            return problem
        if not self._mask_parameters or not may_hold_in_json(text):
            return text
        event.parameters = masked_json(event.parameters)
        return parameters_text(event.parameters)

    def _too_old(self, event_key: str) -> Rejection:
        days = self._max_age_ms / DAY_MS
        return Rejection(RejectReason.EVENT_TOO_OLD, f"an event of a page must have happened within the last {days:g} days", event_key)


def _validate_batch(batch: AnyBatch, is_trusted: bool) -> Rejection | None:
    if batch.version != VERSION:
        return Rejection(RejectReason.UNKNOWN_VERSION, f"version must be {VERSION}")
    if not is_site(batch.site):
        return Rejection(RejectReason.INVALID_SITE, "site must be 1 to 64 letters, digits, _ - . :, a letter or digit first")
    if batch.sent_at is None:
        if is_trusted:
            return None
        return Rejection(RejectReason.INVALID_TIME, "sent_at must be the time at which the batch was sent, in milliseconds since 1970")
    if not 0 <= batch.sent_at <= LATEST:
        return Rejection(RejectReason.INVALID_TIME, "sent_at must be milliseconds since 1970, before the year 10000")
    return None


def _clean(event: Event, texts: Sequence[str]) -> bool | Rejection:
    """Remove control characters from the texts of an event; return whether there were any, or why the event is rejected."""
    if event.parameters and (problem := nesting_problem(event.parameters)):
        return Rejection(RejectReason.INVALID_PARAMETERS, problem, _valid_id(event))
    if any("\0" in (getattr(event, name) or "") for name in texts) or has_nul(event.parameters):
        return Rejection(RejectReason.INVALID_TEXT, "a text holds NUL or half a surrogate pair", _valid_id(event))
    is_changed = False
    for name in texts:
        text = getattr(event, name)
        if text and UNWANTED.search(text):
            setattr(event, name, UNWANTED.sub("", text))
            is_changed = True
    parameters = cleaned(event.parameters)
    if parameters != event.parameters:
        event.parameters = parameters
        is_changed = True
    return is_changed


def _valid_id(event: Event) -> str:
    return event.id if is_identifier(event.id) else ""


def _validate(event: Event, rules: IdentifierRules) -> Rejection | None:
    """Check what the decoder could not: identifiers, which get their canonical form, the type and the times."""
    if not rules.is_event_id(event.id):
        return Rejection(RejectReason.INVALID_EVENT_ID, f"id must be {rules.description}")
    if not rules.is_event_type(event.type):
        return Rejection(RejectReason.INVALID_EVENT_TYPE, "type must be 1 to 64 letters, digits, _ - . : /, a letter first", event.id)
    if event.parameters is not None and not isinstance(event.parameters, rules.parameters):
        return Rejection(RejectReason.INVALID_PARAMETERS, "parameters must be an object", event.id)
    if rejection := _normalise_identifiers(event, rules):
        return rejection
    occurred_at = event.occurred_at if isinstance(event, TrustedEvent) else None
    instant = event.created_at if occurred_at is None else occurred_at
    if instant is None or not 0 <= instant <= LATEST or (event.created_at is not None and not 0 <= event.created_at <= LATEST):
        return Rejection(RejectReason.INVALID_TIME, "created_at must be milliseconds since 1970, before the year 10000", event.id)
    return None


def _normalise_identifiers(event: Event, rules: IdentifierRules) -> Rejection | None:
    """Write the identifiers of page view, party and session in their canonical form; return a rejection if one is not valid."""
    party_id, session_id = event.party_id, event.session_id
    if party_id is not None and not is_identifier(party_id):
        party_id = event.party_id = rules.canonical(party_id)
        if party_id is None:
            return _invalid_identifier(event, rules)
    if session_id is not None and not is_identifier(session_id):
        session_id = event.session_id = rules.canonical(session_id)
        if session_id is None:
            return _invalid_identifier(event, rules)
    if event.page_view_id is not None and not rules.is_page_view_id(event.page_view_id):
        return _invalid_identifier(event, rules)
    return None


def _invalid_identifier(event: Event, rules: IdentifierRules) -> Rejection:
    return Rejection(RejectReason.INVALID_IDENTIFIER, f"page_view_id, party_id and session_id must be {rules.description}", event.id)


def _date(event: Event, created_at: int | None, received_at: int, sent_at: int) -> tuple[int, bool]:
    """Return when the event happened by our clock, and whether the page's clock is skewed; a trusted source's time is kept."""
    if isinstance(event, TrustedEvent) and event.occurred_at is not None:
        return int(event.occurred_at), False
    occurred_at = received_at - sent_at + (created_at or 0)
    return min(max(occurred_at, 0), received_at), not -SKEW_MS <= received_at - sent_at <= SKEW_MS


def _client_of(event: TrustedEvent, client: ClientInfo) -> ClientInfo:
    """Return the client that a trusted event names."""
    return replace(client, ip=truncate_ip(event.address) if event.address else None, user_agent=event.user_agent)


def _anonymize(event: Event) -> None:
    """Drop click ids and the marks of a returning visitor."""
    event.is_new_party = event.is_first_in_session = None
    event.url = event.url and without_values(event.url)
    event.referrer = event.referrer and without_values(event.referrer)
    event.target = event.target and without_values(event.target)
    event.parameters = without_values_json(event.parameters)
