"""The source of the tracker, and of what is trusted: `POST` of a batch."""

from collector.addresses import AddressReader
from collector.event import Rejection
from collector.exchange import Outcome, Request, header_fields, method_not_allowed, preflight
from collector.pipeline import Pipeline
from collector.texts import header_text


class TrackerSource:
    """Takes the batches of one source."""

    def __init__(self, name: str, pipeline: Pipeline, addresses: AddressReader) -> None:
        self.name, self._pipeline, self._addresses = name, pipeline, addresses

    def take(self, request: Request, received_at: int) -> Outcome:
        """Take one request."""
        if request.method != "POST":
            return preflight(b"POST") if request.method == "OPTIONS" else method_not_allowed(b"POST, OPTIONS", "events are sent with POST")
        fields = header_fields(request.headers)
        address = self._addresses.cut_address(request.peer, fields.get(b"x-forwarded-for", b"")) if request.peer else None
        agent = fields.get(b"user-agent")
        declines = fields.get(b"sec-gpc") == b"1" or fields.get(b"dnt") == b"1"
        return self._pipeline.take(request.body, received_at, address, header_text(agent) if agent else None, declines=declines)

    def refuse(self, refusal: Rejection, received_at: int) -> Outcome:
        """Refuse a request whose body could not be had."""
        return self._pipeline.refuse(refusal, received_at)

    def forget(self, outcome: Outcome) -> None:
        """Take back nothing: the converter knows repeats of this source."""
