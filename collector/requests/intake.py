"""The path of a request through one source: it is answered when its messages are durable."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import thread_time
from typing import Final, TypeAlias

from collector.events.event import Rejection, RejectReason
from collector.metrics import Metrics
from collector.requests.client_ip import ClientIpResolver
from collector.requests.cors import AllowedOrigins, CorsHeaders
from collector.requests.http_types import EventSource, Outcome, Request, Response, error_response, rate_limited, unavailable
from collector.requests.rates import BYTES, REQUESTS, SECONDS_PER_REQUEST, RateLimiter
from collector.requests.readiness import Readiness
from topics.local.frame import stored_bytes
from topics.topic import TopicError, TopicFull, TopicWriter

Respond: TypeAlias = Callable[[Response], None]
_Waiting: TypeAlias = tuple[Outcome, CorsHeaders, float, Respond]  # the number is the time of receipt

LARGE_BYTES: Final = 4096  # the CPU time of smaller requests is not measured
UNKNOWN: Final = ("",)  # the network of all unknown clients
ORIGIN_NOT_ALLOWED: Final = error_response(
    403, RejectReason.ORIGIN_NOT_ALLOWED, "this source does not accept events from pages of this origin"
)


class Intake:
    """The path of a request to one source: past the limits, into messages, into the topics, and back as a response."""

    def __init__(
        self,
        source: EventSource,
        topic: TopicWriter,
        metrics: Metrics,
        readiness: Readiness,
        now: Callable[[], float],
        client_ips: ClientIpResolver,
        *,
        origins: AllowedOrigins,
        rates: RateLimiter | None,
        max_body_bytes: int,
        copy_topic: TopicWriter | None = None,
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics
        self._durable: asyncio.Future[None] | None = None
        self._waiting: list[_Waiting] = []
        self._source, self._topic, self._copy_topic, self._readiness, self._now = source, topic, copy_topic, readiness, now
        self._client_ips, self._origins, self._rates = client_ips, origins, rates

    def receive(self, request: Request, respond: Respond, rejection: Rejection | None = None) -> None:
        """Handle a request, or reject it for its body. `respond` is called in the loop's thread, now or once its messages are durable."""
        began = self._now()
        cors = self._origins.cors_headers(request.fields)
        if (response := self._check_limits(request, cors, began)) is not None:
            self._respond(response, cors or self._origins.public, respond)
            return
        received_at = int(began * 1000)
        rejection = rejection or self._check_body(request)
        if rejection is not None:
            outcome = self._source.reject(rejection, received_at)
        elif len(request.body) + len(request.query) <= LARGE_BYTES:
            outcome = self._source.handle(request, received_at)
        else:
            outcome = self._handle_large(request, received_at, began)
        if self._store(outcome, cors or self._origins.public, began, respond) and self._rates is not None:
            size = stored_bytes(outcome.messages)
            if outcome.copies:
                size += stored_bytes(outcome.copies)
            self._rates.charge(request.networks, began, BYTES, size)

    def body_too_large(self) -> Rejection:
        """Return the rejection of a body with too many bytes."""
        return Rejection(RejectReason.BODY_TOO_LARGE, f"a body has at most {self.max_body_bytes} bytes")

    def _check_limits(self, request: Request, cors: CorsHeaders | None, now: float) -> Response | None:
        """Resolve the client IP of a request; return the response to a request that its source must not see."""
        if self._readiness.closed_because:
            return unavailable(self._readiness.closed_because)
        request.client_ip = client_ip = self._client_ips.resolve(request.peer or "", request.fields.get(b"x-forwarded-for", b""))
        request.networks = networks = UNKNOWN if client_ip is None else client_ip.networks
        if self._rates is not None and (wait := self._rates.admit(networks, now)):
            self.metrics.refused[wait.reason] += 1
            return rate_limited(wait)
        if cors is None:
            self.metrics.refused[RejectReason.ORIGIN_NOT_ALLOWED] += 1
            return ORIGIN_NOT_ALLOWED
        return None

    def _handle_large(self, request: Request, received_at: int, began: float) -> Outcome:
        """Handle a request that may take long, and charge its CPU time as additional requests."""
        cpu_seconds = thread_time()
        outcome = self._source.handle(request, received_at)
        more_requests = (thread_time() - cpu_seconds) / SECONDS_PER_REQUEST - 1
        if self._rates is not None and more_requests > 0:
            self._rates.charge(request.networks, began, REQUESTS, more_requests)
        return outcome

    def _check_body(self, request: Request) -> Rejection | None:
        if not request.body:
            return None
        if len(request.body) > self.max_body_bytes:
            return self.body_too_large()
        if request.fields.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return Rejection(RejectReason.INVALID_CONTENT_ENCODING, "a body must be sent without Content-Encoding")
        return None

    def _store(self, outcome: Outcome, cors: CorsHeaders, began: float, respond: Respond) -> bool:
        """Store the messages; False if the topic did not accept them."""
        if not outcome.messages:
            self._count(outcome, self._now() - began)
            respond(cors.add_to(outcome.response))
            return True
        try:
            durable = self._append(outcome)
        except TopicError as error:
            self._fail(outcome, error, cors, respond)
            return False
        if durable is not self._durable:  # messages that become durable together share one future
            self._durable, self._waiting = durable, []
            durable.add_done_callback(partial(self._respond_all, self._waiting))
        self._waiting.append((outcome, cors, began, respond))
        return True

    def _respond_all(self, waiting: list[_Waiting], durable: asyncio.Future[None]) -> None:
        """Respond to all requests that have waited for one future."""
        if self._durable is durable:
            self._durable = None
        error = durable.exception()
        if error is None:
            now = self._now()
            for outcome, cors, began, respond in waiting:
                self._count(outcome, now - began)
                respond(cors.add_to(outcome.response))
        elif isinstance(error, TopicError):
            for outcome, cors, _, respond in waiting:
                self._fail(outcome, error, cors, respond)
        else:
            raise error

    def _append(self, outcome: Outcome) -> asyncio.Future[None]:
        if not outcome.copies or self._copy_topic is None:
            return self._topic.append(outcome.messages)
        # Copies first: if the other topic is full, the page sends again, and consumers of a copy expect duplicates.
        both = (self._copy_topic.append(outcome.copies), self._topic.append(outcome.messages))
        return asyncio.ensure_future(_all(both))

    def _count(self, outcome: Outcome, seconds: float) -> None:
        metrics = self.metrics
        metrics.responses[outcome.response.status] += 1
        if outcome.unknown_keys:
            metrics.unknown_keys += outcome.unknown_keys
        if outcome.error_reason:
            metrics.refused[outcome.error_reason] += 1
        if outcome.messages:
            metrics.count_durable(self._source.name, outcome.results, seconds)

    def _fail(self, outcome: Outcome, error: TopicError, cors: CorsHeaders, respond: Respond) -> None:
        self._source.forget(outcome)
        self._respond(_topic_unavailable(error), cors, respond)

    def _respond(self, response: Response, cors: CorsHeaders, respond: Respond) -> None:
        self.metrics.responses[response.status] += 1
        respond(cors.add_to(response))


async def _all(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        await future


def _topic_unavailable(error: TopicError) -> Response:
    if isinstance(error, TopicFull):
        return unavailable(str(error), error.retry_after_seconds)
    return unavailable("the topic has failed")
