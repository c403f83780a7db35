"""`POST /h`, the source of the tracker and of trusted sources: a body in, an answer when its events are durable."""

import secrets
from collections.abc import Callable

import msgspec
from starlette.types import Receive, Scope, Send

from collector.addresses import AddressReader
from collector.endpoints.answers import rest, send_preflight, start
from collector.endpoints.body import Aborted, read_body
from collector.event import Rejection, RejectReason
from collector.gate import Gate
from collector.metrics import Metrics
from collector.pipeline import Outcome, Pipeline
from collector.texts import header_text
from topics.topic import TopicError, TopicFull, TopicWriter

CLOSE = (b"connection", b"close")


class EventEndpoint:
    """Takes the events of one source."""

    def __init__(
        self,
        source: str,
        pipeline: Pipeline,
        topic: TopicWriter,
        addresses: AddressReader,
        metrics: Metrics,
        gate: Gate,
        *,
        max_body_bytes: int,
        body_timeout_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._source, self._pipeline, self._topic, self._addresses = source, pipeline, topic, addresses
        self._metrics, self._gate, self._now = metrics, gate, now
        self._max_body_bytes, self._body_timeout_seconds = max_body_bytes, body_timeout_seconds
        self._one_ok = b'{"results":["ok"]}'
        self._one_ok_start, self._one_ok_rest = start(200, self._one_ok), rest(self._one_ok)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await self._answer_other(scope["method"], send)
            return
        began = self._now()
        received_at = int(began * 1000)
        try:
            body = await read_body(receive, self._max_body_bytes, self._body_timeout_seconds)
        except Aborted:
            self._metrics.aborted += 1
            return
        if self._gate.closed_because:
            await self._send_later(send, 5, self._gate.closed_because)
            return
        outcome = self._pipeline.refuse(body, received_at) if isinstance(body, Rejection) else self._take(scope, body, received_at)
        try:
            await self._topic.append(outcome.messages)
        except TopicFull as full:
            await self._send_later(send, full.retry_after_seconds, "the topic is full")
        except TopicError:
            await self._send_later(send, 5, "the topic has failed")
        else:
            self._count(outcome, self._now() - began)
            await self._send(send, outcome)

    def _take(self, scope: Scope, body: bytes, received_at: int) -> Outcome:
        pairs = scope["headers"]
        headers = dict(pairs)
        forwarded = headers.get(b"x-forwarded-for", b"")
        if forwarded and len(headers) != len(pairs):
            forwarded = b",".join(value for name, value in pairs if name == b"x-forwarded-for")
        client = scope["client"]
        address = self._addresses.cut_address(client[0], forwarded) if client else None
        agent = headers.get(b"user-agent")
        declines = headers.get(b"sec-gpc") == b"1" or headers.get(b"dnt") == b"1"
        return self._pipeline.take(body, received_at, address, header_text(agent) if agent else None, declines=declines)

    def _count(self, outcome: Outcome, seconds: float) -> None:
        self._metrics.answers[outcome.status] += 1
        self._metrics.unknown_keys += outcome.unknown_keys
        if not outcome.results:
            self._metrics.refused[outcome.messages[0].key.decode()] += 1
        self._metrics.count_durable(self._source, outcome.results, seconds)

    async def _send(self, send: Send, outcome: Outcome) -> None:
        body = outcome.body
        if body == self._one_ok:
            await send(self._one_ok_start)
            await send(self._one_ok_rest)
            return
        await send(start(outcome.status, body, *([CLOSE] if outcome.status in (408, 413) and not outcome.results else [])))
        await send(rest(body))

    async def _send_later(self, send: Send, seconds: int, text: str) -> None:
        self._metrics.answers[503] += 1
        body = msgspec.json.encode({"reason": "unavailable", "message": f"{text}; send the same batch again later"})
        wait = str(seconds + secrets.randbelow(5)).encode()
        await send(start(503, body, (b"retry-after", wait)))
        await send(rest(body))

    async def _answer_other(self, method: str, send: Send) -> None:
        if method == "OPTIONS":
            await send_preflight(send)
            return
        self._metrics.answers[405] += 1
        self._metrics.refused[RejectReason.METHOD_NOT_ALLOWED] += 1
        body = msgspec.json.encode({"reason": RejectReason.METHOD_NOT_ALLOWED, "message": "events are sent with POST"})
        await send(start(405, body, (b"allow", b"POST, OPTIONS")))
        await send(rest(body))
