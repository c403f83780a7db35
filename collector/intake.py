"""The way of a request to its source and back: an answer is given when what follows from the request is durable."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from collector.event import Rejection, RejectReason
from collector.exchange import Answer, EventSource, Outcome, Request, later
from collector.gate import Gate
from collector.metrics import Metrics
from topics.topic import TopicError, TopicFull, TopicWriter

Respond: TypeAlias = Callable[[Answer], None]
_Waiting: TypeAlias = tuple[Outcome, float, Respond]  # since when


class Intake:
    """The way of a request to one source: through the gate, into messages, into the topics, and back as an answer."""

    def __init__(
        self,
        source: EventSource,
        topic: TopicWriter,
        metrics: Metrics,
        gate: Gate,
        now: Callable[[], float],
        *,
        max_body_bytes: int,
        copy_topic: TopicWriter | None = None,
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics
        self._durable: asyncio.Future[None] | None = None
        self._waiting: list[_Waiting] = []
        self._source, self._topic, self._copy_topic, self._gate, self._now = source, topic, copy_topic, gate, now

    def receive(self, request: Request, respond: Respond) -> None:
        """Take a request; `respond` is called in the loop's thread, now or when its messages are durable."""
        began = self._now()
        if self._gate.closed_because:
            self._answer(later(self._gate.closed_because, 5), respond)
        elif len(request.body) > self.max_body_bytes:
            self.refuse(self.too_large(), respond)
        else:
            self._store(self._source.take(request, int(began * 1000)), began, respond)

    def too_large(self) -> Rejection:
        """Say that a body has too many bytes."""
        return Rejection(RejectReason.BODY_TOO_LARGE, f"a body has at most {self.max_body_bytes} bytes")

    def refuse(self, refusal: Rejection, respond: Respond) -> None:
        """Refuse a request whose body could not be had; the refusal is stored before it is told."""
        began = self._now()
        self._store(self._source.refuse(refusal, int(began * 1000)), began, respond)

    def _store(self, outcome: Outcome, began: float, respond: Respond) -> None:
        if not outcome.messages:
            self._count(outcome, self._now() - began)
            respond(outcome.answer)
            return
        try:
            durable = self._append(outcome)
        except TopicError as error:
            self._give_up(outcome, error, respond)
            return
        if durable is not self._durable:  # all that become durable together wait for the same
            self._durable, self._waiting = durable, []
            durable.add_done_callback(partial(self._tell, self._waiting))
        self._waiting.append((outcome, began, respond))

    def _tell(self, waiting: list[_Waiting], durable: asyncio.Future[None]) -> None:
        """Answer all that have waited for this."""
        if self._durable is durable:
            self._durable = None
        error = durable.exception()
        if error is None:
            now = self._now()
            for outcome, began, respond in waiting:
                self._count(outcome, now - began)
                respond(outcome.answer)
        elif isinstance(error, TopicError):
            for outcome, _, respond in waiting:
                self._give_up(outcome, error, respond)
        else:
            raise error

    def _append(self, outcome: Outcome) -> asyncio.Future[None]:
        if not outcome.copies or self._copy_topic is None:
            return self._topic.append(outcome.messages)
        # The copies first: should the other topic be full, the page sends again, and consumers of a copy know repeats.
        both = (self._copy_topic.append(outcome.copies), self._topic.append(outcome.messages))
        return asyncio.ensure_future(_all(both))

    def _count(self, outcome: Outcome, seconds: float) -> None:
        answer, messages, results, unknown_keys, refused, _ = outcome
        metrics = self.metrics
        metrics.answers[answer.status] += 1
        metrics.unknown_keys += unknown_keys
        if refused:
            metrics.refused[refused] += 1
        if messages:
            metrics.count_durable(self._source.name, results, seconds)

    def _give_up(self, outcome: Outcome, error: TopicError, respond: Respond) -> None:
        self._source.forget(outcome)
        self._answer(_unavailable(error), respond)

    def _answer(self, answer: Answer, respond: Respond) -> None:
        self.metrics.answers[answer.status] += 1
        respond(answer)


async def _all(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        await future


def _unavailable(error: TopicError) -> Answer:
    if isinstance(error, TopicFull):
        return later("the topic is full", error.retry_after_seconds)
    return later("the topic has failed", 5)
