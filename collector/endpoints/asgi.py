"""Carries requests for events from an ASGI server to an intake, and the answers back."""

import asyncio

from starlette.types import Receive, Scope, Send

from collector.endpoints.body import Aborted, read_body
from collector.event import Rejection
from collector.exchange import Answer, Request
from collector.intake import Intake


class EventEndpoint:
    """Serves one path of events."""

    def __init__(self, intake: Intake, body_timeout_seconds: float) -> None:
        self._intake, self._body_timeout_seconds = intake, body_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(receive, self._intake.max_body_bytes, self._body_timeout_seconds)
        except Aborted:
            self._intake.metrics.aborted += 1
            return
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if isinstance(body, Rejection):
            self._intake.refuse(body, answered.set_result)
        else:
            peer = scope["client"][0] if scope["client"] else None
            request = Request(scope["method"], scope["path"], scope["query_string"], scope["headers"], peer, body)
            self._intake.receive(request, answered.set_result)
        answer = await answered
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
