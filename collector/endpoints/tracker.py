"""The source of the tracker, and of what is trusted: `POST` of a batch."""

from collector.events.event import Rejection
from collector.pipeline import Pipeline
from collector.requests.client import read_sender
from collector.requests.cookies import PartyCookie
from collector.requests.http_types import Outcome, Request, method_not_allowed, preflight


class TrackerSource:
    """Takes the batches of one source."""

    def __init__(self, name: str, pipeline: Pipeline, *, hears_no: bool = True, cookie: PartyCookie | None = None) -> None:
        self.name, self._pipeline, self._hears_no, self._cookie = name, pipeline, hears_no, cookie

    def take(self, request: Request, received_at: int) -> Outcome:
        """Take one request."""
        if request.method != "POST":
            return preflight(b"POST") if request.method == "OPTIONS" else method_not_allowed(b"POST, OPTIONS", "events are sent with POST")
        sender = read_sender(request, hears_no=self._hears_no, cookie=self._cookie)
        outcome = self._pipeline.take(request.body, received_at, sender)
        return outcome if sender.visitor is None else sender.visitor.told(outcome)

    def refuse(self, refusal: Rejection, received_at: int) -> Outcome:
        """Refuse a request whose body could not be had."""
        return self._pipeline.refuse(refusal, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Take back nothing: the converter knows repeats of this source."""
