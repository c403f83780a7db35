"""The source of Divolte's tag: `GET` of a pixel with one event; our script in its place sends batches with `POST`."""

import json
import posixpath
from typing import Final

from cleaning.click_ids import without_values
from cleaning.texts import UNWANTED
from collector.divolte.checksum import canonical_text, is_corrupt
from collector.divolte.identifiers import DIVOLTE_RULES, canonical
from collector.divolte.query import Query, read_query
from collector.divolte.responses import method_not_allowed
from collector.endpoints import tracker
from collector.endpoints.script import event_suffix
from collector.events.duplicates import event_digest
from collector.events.event import LATEST, Rejection, RejectReason
from collector.pipeline import Pipeline
from collector.records import SKEW_MS, RecordWriter
from collector.requests.client import ClientInfo, read_client_info
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import ONE_OK, Outcome, Request, Response, preflight
from collector.source_kind import SampleRequest, ScriptTemplate, SourceContext, SourceKind, party_cookie
from collector.sources import Source
from mapping.operations import mincode
from mapping.operations.base36 import number36
from mapping.operations.divolte_query import (
    CLIENT_TIMESTAMP,
    EVENT_ID,
    EVENT_TYPE,
    IS_FIRST_IN_SESSION,
    IS_NEW_PARTY,
    PAGE_VIEW_ID,
    PARAMETERS,
    PARTY_ID,
    REFERRER,
    SESSION_ID,
    URL,
)
from topics.topic import Message

TAG: Final = b'"6b3edc43-20ec-4078-bc47-e965dd76b88a"'
GIF: Final = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
HEADERS: Final = (
    (b"content-type", b"image/gif"),
    (b"etag", TAG),
    (b"cache-control", b"private, no-cache, proxy-revalidate"),
    (b"pragma", b"no-cache"),
    (b"expires", b"Fri, 14 Apr 1995 11:30:00 GMT"),
)
PIXEL: Final = Response(200, HEADERS, GIF)
REJECTED: Final = {reason: Response(200, (*HEADERS, (b"x-event-rejected", reason.encode())), GIF) for reason in RejectReason}
NOT_MODIFIED: Final = Outcome(Response(304, HEADERS, b""), ())  # a cache validates a pixel that it has: not a new event

_REQUIRED: Final = {
    PARTY_ID: (RejectReason.MISSING_PARTY, "p, the party's identifier, is missing"),
    SESSION_ID: (RejectReason.MISSING_SESSION, "s, the session's identifier, is missing"),
    PAGE_VIEW_ID: (RejectReason.MISSING_PAGE_VIEW, "v, the page view's identifier, is missing"),
    EVENT_ID: (RejectReason.MISSING_EVENT_ID, "e, the event's identifier, is missing"),
    CLIENT_TIMESTAMP: (RejectReason.INVALID_CLIENT_TIME, "c, the client's time, is missing"),
    IS_NEW_PARTY: (RejectReason.MISSING_FLAG, "n, which says whether the party is new, is missing"),
    IS_FIRST_IN_SESSION: (RejectReason.MISSING_FLAG, "f, which says whether the session is new, is missing"),
}
_CORRUPT: Final = "the checksum does not match; the source drops such events"


class DivolteTagSource:
    """Takes the pixels and batches of one source."""

    def __init__(self, source: Source, writer: RecordWriter, batches: tracker.TrackerSource, cookie: PartyCookie | None = None) -> None:
        self.name, self._site = source.name, source.site
        self._is_strict, self._drops_corrupted = source.is_strict, source.drop_corrupted
        self._prefix = source.event_prefix
        self._writer, self._batches, self._cookie = writer, batches, cookie

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Handle one request."""
        if request.method != "GET":
            return self._take_other(request, received_at)
        if TAG in request.fields.get(b"if-none-match", b""):
            return NOT_MODIFIED
        query = read_query(request.query)
        client = read_client_info(request, honors_opt_out=not self._is_strict, cookie=self._cookie)
        copies: list[Message] = []
        made = self._process(query, client, received_at, copies)
        if isinstance(made, Rejection):
            return Outcome(REJECTED[made.reason], (self._writer.reject(made, received_at),), (made.reason,))
        outcome = Outcome(PIXEL, (made,), ONE_OK, copies=copies)
        return outcome if client.visitor is None else client.visitor.with_cookie(outcome)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a request whose body is not available."""
        return self._batches.reject(rejection, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Forget the events of an outcome that was not stored."""
        self._writer.forget(outcome.messages)

    def _take_other(self, request: Request, received_at: int) -> Outcome:
        if request.method == "POST" and (request.body or not self._is_strict):
            return self._batches.handle(request, received_at)
        if request.method == "OPTIONS" and not self._is_strict:
            return preflight(b"GET, POST")
        return method_not_allowed(request.method, b"GET" if self._is_strict else b"GET, POST, OPTIONS")

    def _process(self, query: Query, client: ClientInfo, received_at: int, copies: list[Message]) -> Message | Rejection:
        """Validate the identifiers, compare the checksum, clean, anonymize and write one event."""
        event = query.first
        try:
            party_id, session_id, event_id = canonical(event[PARTY_ID]), canonical(event[SESSION_ID]), event[EVENT_ID]
            created_at = number36(event[CLIENT_TIMESTAMP])
            if not party_id or not session_id or created_at is None or not 0 <= created_at <= LATEST:
                return _invalid(party_id, session_id)
            _ = event[PAGE_VIEW_ID], event[IS_NEW_PARTY], event[IS_FIRST_IN_SESSION]
        except KeyError:
            return _incomplete(event)
        text = canonical_text(query)
        is_changed = is_corrupt(query, text, is_strict=self._is_strict)
        is_cleaned = False
        if query.may_hold_unwanted:
            if any("\0" in value for value in event.values()):
                return Rejection(RejectReason.INVALID_TEXT, "a parameter holds NUL")
            is_cleaned = not self._is_strict and _clean(event)
        if PARAMETERS in event and (problem := mincode.problem_of(event[PARAMETERS])):
            return Rejection(RejectReason.INVALID_PARAMETERS, problem)
        digest = event_digest(party_id, session_id, event_id)
        event_key = digest.hex()
        if is_changed and self._drops_corrupted:
            return Rejection(RejectReason.CORRUPT, _CORRUPT, event_key)
        if self._prefix and EVENT_TYPE in event:
            event[EVENT_TYPE] = self._prefix + event[EVENT_TYPE]
        if client.visitor is not None and client.visitor.known not in (None, party_id):
            event[IS_NEW_PARTY] = "f"
        if client.has_opted_out:
            _anonymize(event)
        return self._writer.write(
            event,
            event_key,
            digest,
            self._site,
            client,
            received_at,
            received_at,  # a pixel does not say when it was sent, so that its clock cannot be corrected
            created_at,
            party_id,
            session_id,
            client.has_opted_out,
            not -SKEW_MS <= received_at - created_at <= SKEW_MS,
            is_cleaned,
            is_changed,
            None,  # the mapping decodes parameters from the query
            None,
            copies,
        )


def _incomplete(event: dict[str, str]) -> Rejection:
    """Return the first fault in the original's order: the party before all others."""
    if PARTY_ID in event and not canonical(event[PARTY_ID]):
        return _invalid(None, None)
    return next(Rejection(*fault) for name, fault in _REQUIRED.items() if name not in event)


def _invalid(party_id: str | None, session_id: str | None) -> Rejection:
    if not party_id:
        return Rejection(RejectReason.INVALID_PARTY, "p must be 0:time:unique, the time in base 36")
    if not session_id:
        return Rejection(RejectReason.INVALID_SESSION, "s must be 0:time:unique, the time in base 36")
    return Rejection(RejectReason.INVALID_CLIENT_TIME, "c must be milliseconds since 1970 in base 36, before the year 10000")


def _anonymize(event: dict[str, str]) -> None:
    """Drop identifiers, click ids and the marks of a returning visitor."""
    for name in (PARTY_ID, SESSION_ID, IS_NEW_PARTY, IS_FIRST_IN_SESSION):
        del event[name]
    for name in event.keys() & {URL, REFERRER}:
        event[name] = without_values(event[name])
    if PARAMETERS in event:
        event[PARAMETERS] = mincode.WITHOUT_CLICK_IDS + event[PARAMETERS]


def _clean(event: dict[str, str]) -> bool:
    """Remove control characters from the values; return whether there were any."""
    dirty = [name for name, value in event.items() if UNWANTED.search(value)]
    for name in dirty:
        event[name] = UNWANTED.sub("", event[name])
    return bool(dirty)


def make(source: Source, context: SourceContext) -> DivolteTagSource:
    """Make a source of the public port."""
    cookie = party_cookie(source, DIVOLTE_RULES)
    pipeline = Pipeline(
        context.writer(source, "tracker"),
        rules=DIVOLTE_RULES,
        site=source.site,
        max_age_ms=context.max_age_ms,
        event_prefix=source.event_prefix,
        mask_parameters=context.mask_parameters and not source.is_strict,
    )
    batches = tracker.TrackerSource(source.name, pipeline, honors_opt_out=not source.is_strict, cookie=cookie)
    return DivolteTagSource(source, context.writer(source, "divolte_tag"), batches, cookie)


def sample_request(line: bytes) -> SampleRequest:
    """Return the request of the tag, from its URL or query; or of our script in its place, from an event in JSON."""
    if line.startswith(b"{"):
        return tracker.sample_request(line)
    query = line.partition(b"?")[2] or line
    created_at = number36(read_query(query).first.get(CLIENT_TIMESTAMP)) or 0
    return SampleRequest(Request.of("GET", "/", query, (), None, b""), created_at)


def script(source: Source) -> ScriptTemplate:
    """Return the build of our script in place of the tag, with its settings by the names that it knows."""
    settings = {
        "source": source.name,
        "scriptName": posixpath.basename(source.script_path or "/"),
        "eventSuffix": event_suffix(source),
        "partyCookie": source.party_cookie,
        "partyTimeout": source.party_timeout_seconds,
        "sessionCookie": source.session_cookie,
        "sessionTimeout": source.session_timeout_seconds,
        "cookieDomain": source.cookie_domain,
        "autoPageView": source.auto_page_view,
    }
    return ScriptTemplate("divolte.js", "DIVOLTE_SETTINGS", json.dumps(settings, separators=(",", ":")))


KIND: Final = SourceKind(
    name="divolte_tag",
    former_name="browser",
    event_kinds=("divolte_tag", "tracker"),
    make=make,
    sample_request=sample_request,
    script=script,
    script_cookies=("party_cookie", "session_cookie"),
    accepts_trailing_slash=True,
)
