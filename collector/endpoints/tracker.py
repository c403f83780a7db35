"""The source of the tracker, and the trusted one of the internal port: `POST` of a batch."""

from collector.events.event import Rejection
from collector.pipeline import Pipeline
from collector.requests.client import read_client_info
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import Outcome, Request, method_not_allowed, preflight


class TrackerSource:
    """Takes the batches of one source."""

    def __init__(self, name: str, pipeline: Pipeline, *, honors_opt_out: bool = True, cookie: PartyCookie | None = None) -> None:
        self.name, self._pipeline, self._honors_opt_out, self._cookie = name, pipeline, honors_opt_out, cookie

    def handle(self, request: Request, received_at: int) -> Outcome:
        """Take one request."""
        if request.method != "POST":
            return preflight(b"POST") if request.method == "OPTIONS" else method_not_allowed(b"POST, OPTIONS", "events are sent with POST")
        client = read_client_info(request, honors_opt_out=self._honors_opt_out, cookie=self._cookie)
        outcome = self._pipeline.take(request.body, received_at, client)
        return outcome if client.visitor is None else client.visitor.with_cookie(outcome)

    def reject(self, rejection: Rejection, received_at: int) -> Outcome:
        """Reject a request whose body is not available."""
        return self._pipeline.reject(rejection, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Nothing to forget: only the converter detects duplicates of this source."""
