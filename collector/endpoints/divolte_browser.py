"""The source of Divolte's tag: `GET` of one event; `POST` of a batch is what our script in its place sends."""

from typing import Final

from cleaning.click_ids import without_values
from cleaning.texts import UNWANTED
from collector.divolte.checksum import canonical_text, is_corrupt
from collector.divolte.identifiers import canonical
from collector.divolte.query import Query, read_query
from collector.divolte.responses import method_not_allowed
from collector.divolte.writer import EventWriter, Identity
from collector.endpoints.tracker import TrackerSource
from collector.events.event import LATEST, Rejection, RejectReason
from collector.requests.client import ClientInfo, read_client_info
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import Outcome, Request, Response, preflight
from collector.sources import Source
from mapping.operations import mincode
from mapping.operations.base36 import number36
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
NOT_MODIFIED: Final = Outcome(Response(304, HEADERS, b""), ())  # a cache asks once more for what it has shown already

_ONE_OK: Final = ("ok",)
_REQUIRED: Final = {
    "p": (RejectReason.MISSING_PARTY, "p, the party's identifier, is missing"),
    "s": (RejectReason.MISSING_SESSION, "s, the session's identifier, is missing"),
    "v": (RejectReason.MISSING_PAGE_VIEW, "v, the page view's identifier, is missing"),
    "e": (RejectReason.MISSING_EVENT_ID, "e, the event's identifier, is missing"),
    "c": (RejectReason.INVALID_CLIENT_TIME, "c, the client's time, is missing"),
    "n": (RejectReason.MISSING_FLAG, "n, which says whether the party is new, is missing"),
    "f": (RejectReason.MISSING_FLAG, "f, which says whether the session is new, is missing"),
}


class BrowserSource:
    """Takes the events of one source."""

    def __init__(self, source: Source, writer: EventWriter, batches: TrackerSource, cookie: PartyCookie | None = None) -> None:
        self.name = source.name
        self._is_strict = source.is_strict
        self._prefix = source.event_prefix
        self._writer, self._batches, self._cookie = writer, batches, cookie

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Take one request."""
        if request.method != "GET":
            return self._take_other(request, received_at)
        if TAG in request.fields.get(b"if-none-match", b""):
            return NOT_MODIFIED
        query = read_query(request.query)
        client = read_client_info(request, honors_opt_out=not self._is_strict, cookie=self._cookie)
        made = self._write(query, client, received_at)
        if isinstance(made, Rejection):
            return Outcome(REJECTED[made.reason], (self._writer.rejected(made, received_at),), (made.reason,))
        outcome = Outcome(PIXEL, made, _ONE_OK) if len(made) == 1 else Outcome(PIXEL, made[:1], _ONE_OK, copies=made[1:])
        return outcome if client.visitor is None else client.visitor.with_cookie(outcome)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Refuse a request whose body could not be had."""
        return self._batches.reject(rejection, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Forget what was not stored after all."""
        self._writer.forget(outcome.messages)

    def _take_other(self, request: Request, received_at: int) -> Outcome:
        if request.method == "POST" and (request.body or not self._is_strict):
            return self._batches.handle(request, received_at)
        if request.method == "OPTIONS" and not self._is_strict:
            return preflight(b"GET, POST")
        return method_not_allowed(request.method, b"GET" if self._is_strict else b"GET, POST, OPTIONS")

    def _write(self, query: Query, client: ClientInfo, received_at: int) -> tuple[Message, ...] | Rejection:
        event = query.first
        try:
            identity = Identity(canonical(event["p"]) or "", canonical(event["s"]) or "", event["e"])
            created_at = number36(event["c"])
            if not (identity.party_id and identity.session_id) or created_at is None or not 0 <= created_at <= LATEST:
                return _invalid(identity)
            _ = event["v"], event["n"], event["f"]
        except KeyError:
            return _incomplete(event)
        text = canonical_text(query)
        is_changed = is_corrupt(query, text, is_strict=self._is_strict)
        is_cleaned = False
        if query.may_hold_unwanted:
            if any("\0" in value for value in event.values()):
                return Rejection(RejectReason.INVALID_TEXT, "a parameter holds NUL")
            is_cleaned = not self._is_strict and _clean(event)
        if "u" in event and (problem := mincode.problem_of(event["u"])):
            return Rejection(RejectReason.INVALID_PARAMETERS, problem)
        if self._prefix and "t" in event:
            event["t"] = self._prefix + event["t"]
        if client.visitor is not None and client.visitor.known not in (None, identity.party_id):
            event["n"] = "f"
        if client.has_opted_out:
            _drop_identifiers(event)
        return self._writer.write(event, identity, client, received_at, created_at, is_changed, is_cleaned)


def _incomplete(event: dict[str, str]) -> Rejection:
    """Say what is wrong first, in the original's order: the party before all else."""
    if "p" in event and not canonical(event["p"]):
        return _invalid(Identity("", "", ""))
    return next(Rejection(*why) for name, why in _REQUIRED.items() if name not in event)


def _invalid(identity: Identity) -> Rejection:
    if not identity.party_id:
        return Rejection(RejectReason.INVALID_PARTY, "p must be 0:time:unique, the time in base 36")
    if not identity.session_id:
        return Rejection(RejectReason.INVALID_SESSION, "s must be 0:time:unique, the time in base 36")
    return Rejection(RejectReason.INVALID_CLIENT_TIME, "c must be milliseconds since 1970 in base 36, before the year 10000")


def _drop_identifiers(event: dict[str, str]) -> None:
    """Leave out what tells one visitor, or one click, from another; having been here before is not to be known either."""
    for name in "psnf":
        del event[name]
    for name in event.keys() & {"l", "r"}:
        event[name] = without_values(event[name])
    if "u" in event:
        event["u"] = mincode.WITHOUT_CLICK_IDS + event["u"]


def _clean(event: dict[str, str]) -> bool:
    """Remove unwanted characters from the values; return whether there were any."""
    dirty = [name for name, value in event.items() if UNWANTED.search(value)]
    for name in dirty:
        event[name] = UNWANTED.sub("", event[name])
    return bool(dirty)
