"""The source of servers that send events in Divolte's JSON form: `POST` of one event, or of a list of events."""

from typing import Final

import msgspec

from cleaning.click_ids import without_values_json
from cleaning.parameters import parameters_text
from cleaning.texts import may_hold_unwanted
from collector.divolte.identifiers import canonical
from collector.divolte.json_body import MAX_EVENTS, JsonEvent, ParsedBody, parse_all, parse_one
from collector.divolte.json_event import milliseconds, validate
from collector.divolte.query import read_query
from collector.divolte.responses import TEXT, method_not_allowed
from collector.events.duplicates import event_digest
from collector.events.event import Rejection, RejectReason
from collector.records import SKEW_MS, RecordWriter
from collector.requests.client import ClientInfo, read_client_info
from collector.requests.http_types import (
    JSON,
    OK,
    ONE_OK,
    Header,
    Outcome,
    Request,
    Response,
    closing,
    error_response,
    preflight,
    rejection_status,
    results_response,
)
from collector.source_kind import SampleRequest, SourceContext, SourceKind
from collector.sources import Source
from topics.topic import Message

BLOCK_BYTES: Final = 4096  # the original reads blocks of this size, and rounds its limit up to a multiple of it
NO_CONTENT: Final = Response(204, (), b"")

_ALL_OK: Final = [results_response([OK] * count) for count in range(MAX_EVENTS + 1)]


def max_event_bytes(source: Source) -> int:
    """Return the maximum body size of one event."""
    return -(-source.max_body_bytes // BLOCK_BYTES) * BLOCK_BYTES


def max_body_bytes(source: Source, default: int) -> int:
    """Return the maximum body size of a source: the original's where it accepts no lists of events."""
    return max_event_bytes(source) if source.is_strict else max(max_event_bytes(source), default)


class DivolteJsonSource:
    """Takes the JSON events of one source."""

    def __init__(self, source: Source, writer: RecordWriter, *, mask_parameters: bool = True) -> None:
        self.name, self._site = source.name, source.site
        self._mask_parameters = mask_parameters and not source.is_strict
        self._is_strict = source.is_strict
        self._prefix, self._party_parameter = source.event_prefix, source.party_parameter
        self._max_event_bytes = max_event_bytes(source)
        self._writer = writer

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Handle one request."""
        if request.method != "POST":
            is_preflight = request.method == "OPTIONS" and not self._is_strict
            return preflight(b"POST") if is_preflight else method_not_allowed(request.method, b"POST")
        party = read_query(request.query).first.get(self._party_parameter)
        party_id = canonical(party) if party is not None else None
        if rejection := self._validate_request(request, party, party_id):
            return self.reject(rejection, received_at)
        client = read_client_info(request, honors_opt_out=not self._is_strict)
        return self._take(request.body, party_id, client, received_at)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a request as a whole."""
        response = self._error_response(rejection_status(rejection.reason), rejection)
        return Outcome(response, (self._writer.reject(rejection, received_at),), error_reason=rejection.reason)

    def forget(self, outcome: Outcome) -> None:
        """Forget the events of an outcome that was not stored."""
        self._writer.forget(outcome.messages)

    def _validate_request(self, request: Request, party: str | None, party_id: str | None) -> Rejection | None:
        """Check what the original checks before it responds, in its order."""
        types = [value for name, value in request.headers if name == b"content-type"]
        content_type = types[0] if len(types) == 1 else b""
        if (content_type if self._is_strict else content_type.partition(b";")[0].strip()).lower() != b"application/json":
            return Rejection(RejectReason.INVALID_CONTENT_TYPE, "Content type must be application/json.")
        if self._is_strict and len(request.body) > self._max_event_bytes:
            return Rejection(RejectReason.BODY_TOO_LARGE, f"a body has at most {self._max_event_bytes} bytes")
        if not request.body:
            return Rejection(RejectReason.INVALID_JSON, "the body is empty; it must be an event in JSON")
        if party is None and self._is_strict:
            return Rejection(RejectReason.MISSING_PARTY, f"the query must have {self._party_parameter}, the party's identifier")
        if party is not None and party_id is None:
            return Rejection(RejectReason.INVALID_PARTY, f"{self._party_parameter} must be 0:time:unique, the time in base 36")
        return None

    def _take(self, body: bytes, party_id: str | None, client: ClientInfo, received_at: int) -> Outcome:
        has_controls = may_hold_unwanted(body)
        if self._is_strict:
            return self._take_one(parse_one(body), party_id, client, received_at, has_controls)
        parsed = parse_all(body)
        if isinstance(parsed, Rejection):
            return self.reject(parsed, received_at)
        if parsed.is_list:
            return self._take_list(parsed, party_id, client, received_at, has_controls)
        if len(body) > self._max_event_bytes:
            return self.reject(Rejection(RejectReason.BODY_TOO_LARGE, f"an event has at most {self._max_event_bytes} bytes"), received_at)
        return self._take_one(parsed.events[0], party_id, client, received_at, has_controls, parsed.unknown_keys)

    def _take_one(
        self,
        event: JsonEvent | Rejection,
        party_id: str | None,
        client: ClientInfo,
        received_at: int,
        has_controls: bool,
        unknown_keys: int = 0,
    ) -> Outcome:
        copies: list[Message] = []
        made = event if isinstance(event, Rejection) else self._process(event, party_id, client, received_at, copies, has_controls)
        if not isinstance(made, Rejection):
            return Outcome(NO_CONTENT, (made,), ONE_OK, unknown_keys, copies=copies)
        if made.reason is RejectReason.MISSING_PARTY:
            return self.reject(made, received_at)
        response = self._error_response(204 if self._is_strict else 422, made)
        return Outcome(response, (self._writer.reject(made, received_at),), (made.reason,))

    def _take_list(self, parsed: ParsedBody, party_id: str | None, client: ClientInfo, received_at: int, has_controls: bool) -> Outcome:
        messages: list[Message] = []
        copies: list[Message] = []
        results: list[str] = []
        for event in parsed.events:
            made = event if isinstance(event, Rejection) else self._process(event, party_id, client, received_at, copies, has_controls)
            if isinstance(made, Rejection):
                messages.append(self._writer.reject(made, received_at))
                results.append(made.reason)
            else:
                messages.append(made)
                results.append(OK)
        accepted = results.count(OK)
        response = _ALL_OK[accepted] if accepted == len(results) else results_response(results, 200 if accepted else 422)
        return Outcome(response, messages, results, parsed.unknown_keys, copies=copies)

    def _error_response(self, status: int, rejection: Rejection) -> Response:
        headers: tuple[Header, ...] = ((b"x-event-rejected", rejection.reason.encode()), *closing(status))
        if not self._is_strict:
            return error_response(status, rejection.reason, rejection.message, *headers)
        if status == 415:
            return Response(status, (*headers, TEXT), rejection.message.encode())
        return Response(status, headers, b"")

    def _process(
        self,
        event: JsonEvent,
        party_id: str | None,
        client: ClientInfo,
        received_at: int,
        copies: list[Message],
        has_controls: bool,
    ) -> Message | Rejection:
        """Validate, clean, anonymize and write one event."""
        valid = validate(event, party_id, has_controls=has_controls, is_strict=self._is_strict, mask_parameters=self._mask_parameters)
        if isinstance(valid, Rejection):
            return valid
        if self._prefix and event.event_type is not None:
            event.event_type = self._prefix + event.event_type
        text = valid.parameters_text
        if client.has_opted_out:
            event.session_id = event.is_new_party = event.is_new_session = None
            event.parameters = without_values_json(event.parameters)
            text = text and parameters_text(event.parameters)
        digest = event_digest(valid.party_id, valid.session_id, valid.event_id)
        return self._writer.write(
            event,
            digest.hex(),
            digest,
            self._site,
            client,
            received_at,
            received_at,  # this form does not say when a request was sent, so that its clock cannot be corrected
            valid.created_at,
            valid.party_id,
            valid.session_id,
            client.has_opted_out,
            not -SKEW_MS <= received_at - valid.created_at <= SKEW_MS,
            valid.is_cleaned,
            False,  # this form has no checksum
            event.parameters,
            text,
            copies,
        )


def make(source: Source, context: SourceContext) -> DivolteJsonSource:
    """Make a source of the public port."""
    return DivolteJsonSource(source, context.writer(source, "divolte_json"), mask_parameters=context.mask_parameters)


def sample_request(line: bytes) -> SampleRequest:
    """Return the request with one event."""
    try:
        time = str(msgspec.json.decode(line)["client_timestamp_iso"])
    except (KeyError, TypeError, msgspec.DecodeError):
        time = ""
    return SampleRequest(Request.of("POST", "/", b"", (JSON,), None, line), milliseconds(time, needs_offset=False) or 0)


KIND: Final = SourceKind(
    name="divolte_json",
    former_name="json",
    event_kinds=("divolte_json",),
    make=make,
    sample_request=sample_request,
    max_body_bytes=max_body_bytes,
    is_browser=False,
    accepts_trailing_slash=True,
)
