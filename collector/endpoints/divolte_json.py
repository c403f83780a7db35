"""The source of servers that send events in Divolte's JSON form: `POST` of one, or of a list of them."""

from typing import Final

import msgspec

from cleaning.click_ids import without_values_json
from cleaning.parameters import parameters_text
from cleaning.texts import may_hold_unwanted
from collector.divolte.identifiers import canonical
from collector.divolte.json_body import MAX_EVENTS, JsonEvent, Reading, read_all, read_one
from collector.divolte.json_event import check
from collector.divolte.query import read_query
from collector.divolte.responses import TEXT, method_not_allowed
from collector.divolte.writer import EventWriter
from collector.events.event import Rejection, RejectReason
from collector.requests.client import ClientInfo, read_client_info
from collector.requests.http_types import CLOSE, JSON, Header, Outcome, Request, Response, preflight
from collector.sources import Source
from topics.topic import Message

BLOCK: Final = 4096  # the original reads so many bytes at a time, and rounds its limit up to them
TAKEN: Final = Response(204, (), b"")

_STATUS: Final = {
    RejectReason.BODY_TOO_LARGE: 413,
    RejectReason.TOO_MANY_EVENTS: 413,
    RejectReason.BODY_TOO_SLOW: 408,
    RejectReason.INVALID_CONTENT_ENCODING: 415,
    RejectReason.INVALID_CONTENT_TYPE: 415,
}
_ONE_OK: Final = ("ok",)
_HEADERS: Final = (JSON,)
_encode = msgspec.json.Encoder().encode
_ALL_OK: Final = [Response(200, _HEADERS, _encode({"results": ["ok"] * count})) for count in range(MAX_EVENTS + 1)]


def max_event_bytes(source: Source) -> int:
    """Give the largest body of one event."""
    return -(-source.max_body_bytes // BLOCK) * BLOCK


def max_body_bytes(source: Source | None, most: int) -> int:
    """Give the largest body that is read for a source: as the original's where there are no lists of events."""
    if source is None or source.kind != "divolte_json":
        return most
    return max_event_bytes(source) if source.is_strict else max(max_event_bytes(source), most)


class JsonSource:
    """Takes the events of one source."""

    def __init__(self, source: Source, writer: EventWriter, *, mask_parameters: bool = True) -> None:
        self.name = source.name
        self._mask_parameters = mask_parameters and not source.is_strict
        self._is_strict = source.is_strict
        self._prefix, self._party_parameter = source.event_prefix, source.party_parameter
        self._max_event_bytes = max_event_bytes(source)
        self._writer = writer

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Take one request."""
        if request.method != "POST":
            is_preflight = request.method == "OPTIONS" and not self._is_strict
            return preflight(b"POST") if is_preflight else method_not_allowed(request.method, b"POST")
        party = read_query(request.query).first.get(self._party_parameter)
        party_id = canonical(party) if party is not None else None
        if refusal := self._check(request, party, party_id):
            return self.reject(refusal, received_at)
        client = read_client_info(request, honors_opt_out=not self._is_strict)
        return self._read(request.body, party_id, client, received_at)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Refuse a request as a whole."""
        answer = self._refusing(_STATUS.get(rejection.reason, 400), rejection)
        return Outcome(answer, (self._writer.rejected(rejection, received_at),), error_reason=rejection.reason)

    def forget(self, outcome: Outcome) -> None:
        """Forget what was not stored after all."""
        self._writer.forget(outcome.messages)

    def _check(self, request: Request, party: str | None, party_id: str | None) -> Rejection | None:
        """Check what the original checks before its answer, in its order."""
        types = [value for name, value in request.headers if name == b"content-type"]
        kind = types[0] if len(types) == 1 else b""
        if (kind if self._is_strict else kind.partition(b";")[0].strip()).lower() != b"application/json":
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

    def _read(self, body: bytes, party_id: str | None, client: ClientInfo, received_at: int) -> Outcome:
        if self._is_strict:
            return self._take_one(read_one(body), party_id, client, received_at)
        reading = read_all(body)
        if isinstance(reading, Rejection):
            return self.reject(reading, received_at)
        if reading.is_list:
            return self._take_all(reading, party_id, client, received_at, may_hold_unwanted(body))
        if len(body) > self._max_event_bytes:
            return self.reject(Rejection(RejectReason.BODY_TOO_LARGE, f"an event has at most {self._max_event_bytes} bytes"), received_at)
        return self._take_one(reading.events[0], party_id, client, received_at, reading.unknown_keys)

    def _take_one(
        self, event: JsonEvent | Rejection, party_id: str | None, client: ClientInfo, received_at: int, unknown_keys: int = 0
    ) -> Outcome:
        made = event if isinstance(event, Rejection) else self._write(event, party_id, client, received_at)
        if not isinstance(made, Rejection):
            return Outcome(TAKEN, made[:1], _ONE_OK, unknown_keys, copies=made[1:])
        if made.reason is RejectReason.MISSING_PARTY:
            return self.reject(made, received_at)
        return Outcome(self._refusing(204 if self._is_strict else 422, made), (self._writer.rejected(made, received_at),), (made.reason,))

    def _take_all(self, reading: Reading, party_id: str | None, client: ClientInfo, received_at: int, has_controls: bool) -> Outcome:
        messages: list[Message] = []
        copies: list[Message] = []
        results: list[str] = []
        for event in reading.events:
            made = event if isinstance(event, Rejection) else self._write(event, party_id, client, received_at, has_controls)
            if isinstance(made, Rejection):
                messages.append(self._writer.rejected(made, received_at))
                results.append(made.reason)
            else:
                messages.append(made[0])
                copies += made[1:]
                results.append("ok")
        taken = results.count("ok")
        answer = _ALL_OK[taken] if taken == len(results) else Response(200 if taken else 422, _HEADERS, _encode({"results": results}))
        return Outcome(answer, messages, results, reading.unknown_keys, copies=copies)

    def _refusing(self, status: int, refusal: Rejection) -> Response:
        headers: list[Header] = [(b"x-event-rejected", refusal.reason.encode())]
        if status in {408, 413}:
            headers.append(CLOSE)
        if not self._is_strict:
            return Response(status, (*headers, *_HEADERS), _encode({"reason": refusal.reason, "message": refusal.message}))
        if status == 415:
            return Response(status, (*headers, TEXT), refusal.message.encode())
        return Response(status, tuple(headers), b"")

    def _write(
        self, event: JsonEvent, party_id: str | None, client: ClientInfo, received_at: int, has_controls: bool = True
    ) -> tuple[Message, ...] | Rejection:
        checked = check(event, party_id, has_controls=has_controls, is_strict=self._is_strict, mask_parameters=self._mask_parameters)
        if isinstance(checked, Rejection):
            return checked
        if self._prefix and event.event_type is not None:
            event.event_type = self._prefix + event.event_type
        if client.has_opted_out:  # having been here before is not to be known either
            event.session_id = event.is_new_party = event.is_new_session = None
            event.parameters = without_values_json(event.parameters)
        return self._writer.write(
            event,
            checked.identity,
            client,
            received_at,
            checked.created_at,
            False,
            checked.is_cleaned,
            event.parameters,
            parameters_text(event.parameters) if client.has_opted_out and checked.parameters_text else checked.parameters_text,
        )
