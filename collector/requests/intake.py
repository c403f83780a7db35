"""The way of a request to its source and back: an answer is given when what follows from the request is durable."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import thread_time
from typing import Final, TypeAlias

from collector.events.event import Rejection, RejectReason
from collector.metrics import Metrics
from collector.requests.client_ip import AddressReader
from collector.requests.cors import Origins, Readers
from collector.requests.http_types import Answer, EventSource, Outcome, Request, later, too_much, turned_away
from collector.requests.rates import BYTES, REQUESTS, SECONDS_OF_REQUEST, Rates
from collector.requests.readiness import Readiness
from topics.topic import TopicError, TopicFull, TopicWriter, stored_bytes

Respond: TypeAlias = Callable[[Answer], None]
_Waiting: TypeAlias = tuple[Outcome, Readers, float, Respond]  # since when

LARGE_BYTES: Final = 4096  # no smaller request makes work worth a look at the clock
UNKNOWN: Final = ("",)  # the network of all clients that are not known
FOREIGN: Final = turned_away(403, RejectReason.ORIGIN_NOT_ALLOWED, "this source takes no events of pages of this origin")


class Intake:
    """The way of a request to one source: past the limits, into messages, into the topics, and back as an answer."""

    def __init__(
        self,
        source: EventSource,
        topic: TopicWriter,
        metrics: Metrics,
        readiness: Readiness,
        now: Callable[[], float],
        addresses: AddressReader,
        *,
        origins: Origins,
        rates: Rates | None,
        max_body_bytes: int,
        copy_topic: TopicWriter | None = None,
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics
        self._durable: asyncio.Future[None] | None = None
        self._waiting: list[_Waiting] = []
        self._source, self._topic, self._copy_topic, self._readiness, self._now = source, topic, copy_topic, readiness, now
        self._addresses, self._origins, self._rates = addresses, origins, rates

    def receive(self, request: Request, respond: Respond, refusal: Rejection | None = None) -> None:
        """Take a request, or refuse it for its body; `respond` is called in the loop's thread, now or when its messages are durable."""
        began = self._now()
        readers = self._origins.readers(request.fields)
        if (answer := self._turn_away(request, readers, began)) is not None:
            self._answer(answer, readers or self._origins.strangers, respond)
            return
        received_at = int(began * 1000)
        refusal = refusal or self._fault(request)
        if refusal is not None:
            outcome = self._source.refuse(refusal, received_at)
        elif len(request.body) <= LARGE_BYTES:
            outcome = self._source.take(request, received_at)
        else:
            outcome = self._take_large(request, received_at, began)
        if self._store(outcome, readers or self._origins.strangers, began, respond) and self._rates is not None:
            size = stored_bytes(outcome.messages)
            if outcome.copies:
                size += stored_bytes(outcome.copies)
            self._rates.charge(request.networks, began, BYTES, size)

    def too_large(self) -> Rejection:
        """Say that a body has too many bytes."""
        return Rejection(RejectReason.BODY_TOO_LARGE, f"a body has at most {self.max_body_bytes} bytes")

    def _turn_away(self, request: Request, readers: Readers | None, now: float) -> Answer | None:
        """Answer what the source is not to see at all; else say whose the request is."""
        if self._readiness.closed_because:
            return later(self._readiness.closed_because, 5)
        request.seen = seen = self._addresses.read(request.peer or "", request.fields.get(b"x-forwarded-for", b""))
        request.networks = networks = UNKNOWN if seen is None else seen.networks
        if self._rates is not None and (wait := self._rates.take(networks, now)):
            self.metrics.refused[wait.reason] += 1
            return too_much(wait)
        if readers is None:
            self.metrics.refused[RejectReason.ORIGIN_NOT_ALLOWED] += 1
            return FOREIGN
        return None

    def _take_large(self, request: Request, received_at: int, began: float) -> Outcome:
        """Take a request that may make the work of several, and then counts as many."""
        work_from = thread_time()
        outcome = self._source.take(request, received_at)
        more_requests = (thread_time() - work_from) / SECONDS_OF_REQUEST - 1
        if self._rates is not None and more_requests > 0:
            self._rates.charge(request.networks, began, REQUESTS, more_requests)
        return outcome

    def _fault(self, request: Request) -> Rejection | None:
        if not request.body:
            return None
        if len(request.body) > self.max_body_bytes:
            return self.too_large()
        if request.fields.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return Rejection(RejectReason.INVALID_CONTENT_ENCODING, "a body is sent as it is, without Content-Encoding")
        return None

    def _store(self, outcome: Outcome, readers: Readers, began: float, respond: Respond) -> bool:
        """Store the messages; whether the topic took them, or there are none."""
        if not outcome.messages:
            self._count(outcome, self._now() - began)
            respond(readers.answer(outcome.answer))
            return True
        try:
            durable = self._append(outcome)
        except TopicError as error:
            self._give_up(outcome, error, readers, respond)
            return False
        if durable is not self._durable:  # all that become durable together wait for the same
            self._durable, self._waiting = durable, []
            durable.add_done_callback(partial(self._tell, self._waiting))
        self._waiting.append((outcome, readers, began, respond))
        return True

    def _tell(self, waiting: list[_Waiting], durable: asyncio.Future[None]) -> None:
        """Answer all that have waited for this."""
        if self._durable is durable:
            self._durable = None
        error = durable.exception()
        if error is None:
            now = self._now()
            for outcome, readers, began, respond in waiting:
                self._count(outcome, now - began)
                respond(readers.answer(outcome.answer))
        elif isinstance(error, TopicError):
            for outcome, readers, _, respond in waiting:
                self._give_up(outcome, error, readers, respond)
        else:
            raise error

    def _append(self, outcome: Outcome) -> asyncio.Future[None]:
        if not outcome.copies or self._copy_topic is None:
            return self._topic.append(outcome.messages)
        # The copies first: should the other topic be full, the page sends again, and consumers of a copy know repeats.
        both = (self._copy_topic.append(outcome.copies), self._topic.append(outcome.messages))
        return asyncio.ensure_future(_all(both))

    def _count(self, outcome: Outcome, seconds: float) -> None:
        metrics = self.metrics
        metrics.answers[outcome.answer.status] += 1
        if outcome.unknown_keys:
            metrics.unknown_keys += outcome.unknown_keys
        if outcome.refused:
            metrics.refused[outcome.refused] += 1
        if outcome.messages:
            metrics.count_durable(self._source.name, outcome.results, seconds)

    def _give_up(self, outcome: Outcome, error: TopicError, readers: Readers, respond: Respond) -> None:
        self._source.forget(outcome)
        self._answer(_unavailable(error), readers, respond)

    def _answer(self, answer: Answer, readers: Readers, respond: Respond) -> None:
        self.metrics.answers[answer.status] += 1
        respond(readers.answer(answer))


async def _all(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        await future


def _unavailable(error: TopicError) -> Answer:
    if isinstance(error, TopicFull):
        return later(str(error), error.retry_after_seconds)
    return later("the topic has failed", 5)
