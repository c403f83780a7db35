"""The source of the tracker, and the trusted one of the internal port: `POST` of a batch."""

import json
from typing import Final

import msgspec

from collector.endpoints.script import event_suffix
from collector.events.event import Rejection
from collector.events.identifiers import TRACKER_RULES
from collector.pipeline import Pipeline
from collector.requests.client import read_client_info
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import Outcome, Request, method_not_allowed, preflight
from collector.source_kind import SAMPLE_NAME, SampleRequest, ScriptTemplate, SourceContext, SourceKind, party_cookie
from collector.sources import Source


class TrackerSource:
    """Takes the batches of one source."""

    def __init__(self, name: str, pipeline: Pipeline, *, honors_opt_out: bool = True, cookie: PartyCookie | None = None) -> None:
        self.name, self._pipeline, self._honors_opt_out, self._cookie = name, pipeline, honors_opt_out, cookie

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Handle one request."""
        if request.method != "POST":
            return preflight(b"POST") if request.method == "OPTIONS" else method_not_allowed(b"POST, OPTIONS", "events are sent with POST")
        client = read_client_info(request, honors_opt_out=self._honors_opt_out, cookie=self._cookie)
        outcome = self._pipeline.take(request.body, received_at, client)
        return outcome if client.visitor is None else client.visitor.with_cookie(outcome)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a request whose body is not available."""
        return self._pipeline.reject(rejection, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Do nothing: only the converter detects duplicates of this source."""


def make(source: Source, context: SourceContext) -> TrackerSource:
    """Make a source of the public port."""
    pipeline = Pipeline(
        context.writer(source, "tracker"),
        sites=frozenset(source.sites or context.sites),
        max_age_ms=context.max_age_ms,
        event_prefix=source.event_prefix,
        mask_parameters=context.mask_parameters and not source.is_strict,
    )
    return TrackerSource(source.name, pipeline, honors_opt_out=not source.is_strict, cookie=party_cookie(source, TRACKER_RULES))


def make_trusted(source: Source, context: SourceContext) -> TrackerSource:
    """Make a source that trusts the time, client IP and user agent of its events."""
    writer = context.writer(source, "tracker")
    return TrackerSource(source.name, Pipeline(writer, is_trusted=True, mask_parameters=context.mask_parameters))


def sample_request(line: bytes) -> SampleRequest:
    """Return the request with a batch of one event."""
    try:
        created_at = msgspec.json.decode(line)["created_at"]
    except (KeyError, TypeError, msgspec.DecodeError):
        created_at = None
    now = int(created_at) if isinstance(created_at, int | float) else 0
    body = b'{"version":1,"site":"%s","sent_at":%d,"events":[%s]}' % (SAMPLE_NAME.encode(), now, line)
    return SampleRequest(Request.of("POST", "/", b"", (), None, body), now)


def script(source: Source) -> ScriptTemplate:
    """Return the build of the tracker for a source; the script sends events to the path of the source."""
    file_name = "headrace-full.js" if source.full_script else "headrace.js"
    return ScriptTemplate(file_name, 'new URL("h"', f"new URL({json.dumps(event_suffix(source))}")


KIND: Final = SourceKind(
    name="tracker",
    event_kinds=("tracker",),
    make=make,
    make_trusted=make_trusted,
    sample_request=sample_request,
    script=script,
    names_site=True,
)
