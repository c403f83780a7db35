"""Druid's HTTP path over a store: create_app(store, settings)."""

import asyncio
import re
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from minidruid.access import denial_content, guard
from minidruid.engine import CursorsProtocol, Engine, Running
from minidruid.errors import CANCELED, CAPACITY, TIMEOUT, QueryError
from minidruid.requests import QueryRequest, read_request
from minidruid.results import Answer, error_content
from minidruid.settings import Settings
from startup.guarded_app import GuardedApp
from startup.port_guard import Denial

STOP_AGAIN_SECONDS = 0.1
END_SECONDS = 0.25  # for which an answer waits until a stopped statement has ended
SEND_SECONDS, SEND_ALL_SECONDS = 30, 120  # for each part of an answer, and for all; a client that takes longer gets no more of it
DRUID_VERSION = "33.0.0"  # whose SQL and errors these are
LATE = "Query timed out: ask for less, or raise HEADRACE_MINIDRUID_QUERY_TIMEOUT_SECONDS"

_NOT_IN_HEADERS = re.compile("[^!-~]")

Result = TypeVar("Result")


def utc_now() -> datetime:
    """Now, UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(eq=False)
class _Statement:
    """A statement under way; `stopped` gets the error that ends it early."""

    query_id: str
    running: Running = field(default_factory=Running)
    stopped: "asyncio.Future[QueryError]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    work: "Future[Any] | None" = None

    def stop(self, error: QueryError) -> None:
        """Answer with this error at once, and interrupt what runs."""
        if not self.stopped.done():
            self.stopped.set_result(error)

    async def result(self, work: "Future[Result]") -> Result:
        """Return what the work comes to; raises QueryError soon after the statement is stopped, however long the work still takes."""
        self.work = work
        future = asyncio.wrap_future(work)
        either: list[asyncio.Future[Any]] = [future, self.stopped]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            future.add_done_callback(_forget)
            raise
        finally:
            self._interrupt(work)
        if not self.stopped.done():
            return future.result()
        future.add_done_callback(_forget)
        await asyncio.wait([future], timeout=END_SECONDS)
        raise self.stopped.result()

    def _interrupt(self, work: "Future[Any]") -> None:
        # Again and again: DuckDB forgets an interrupt that comes before the statement has begun to run.
        if not work.done() and not work.cancel():
            self.running.interrupt()
            asyncio.get_running_loop().call_later(STOP_AGAIN_SECONDS, self._interrupt, work)

    @property
    def is_busy(self) -> bool:
        """Whether a thread still works on the statement, answered or not."""
        return self.work is not None and not self.work.done()


def _forget(future: "asyncio.Future[Any]") -> None:
    """Let go of a result that nobody waits for any more."""
    if not future.cancelled() and future.exception() is None and isinstance(answer := future.result(), Answer):
        answer.release()


class _AnswerResponse(Response):
    """Sends an answer part by part, at the pace of the client but not for ever, and lets go of it."""

    def __init__(self, answer: Answer, headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"content-length": str(answer.bytes_written)}, media_type=answer.format.media_type)
        self._answer = answer

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(SEND_ALL_SECONDS):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                for part in self._answer.parts():
                    async with asyncio.timeout(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._answer.release()


class _Endpoint:
    """Takes queries: so many run at a time, so many wait, the rest are turned away."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        # Translation holds Python's lock, and texts are the memory that DuckDB does not count: one of each at a time.
        self._translators = ThreadPoolExecutor(1, thread_name_prefix="translation")
        self._texts = ThreadPoolExecutor(1, thread_name_prefix="texts")
        self._threads = ThreadPoolExecutor(settings.concurrent_queries, thread_name_prefix="query")
        self._statements: set[_Statement] = set()

    async def query(self, request: Request) -> Response:
        statement = _Statement(str(uuid.uuid4()))
        try:
            wanted = read_request(await self._body(request))
            statement.query_id = wanted.query_id() or statement.query_id
            answer = await self._answer(wanted, statement, request)
        except QueryError as error:
            return Response(error_content(error), error.refusal.status, _headers(statement.query_id), "application/json")
        except ClientDisconnect:
            return Response(status_code=400)
        headers = _headers(statement.query_id) | ({"X-Druid-SQL-Header-Included": "yes"} if wanted.header else {})
        return _AnswerResponse(answer, headers)

    async def cancel(self, request: Request) -> Response:
        """End the queries with an id: 202, or 404 if there is none."""
        query_id = request.path_params["query_id"]
        found = [statement for statement in self._statements if statement.query_id == query_id]
        for statement in found:
            statement.stop(QueryError(f"Query is canceled [{query_id}]", CANCELED))
        return Response(status_code=202 if found else 404)

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > self._settings.max_body_bytes:
                raise QueryError(f"The request has more than {self._settings.max_body_bytes} bytes.")
        return body

    async def _answer(self, wanted: QueryRequest, statement: _Statement, request: Request) -> Answer:
        if len(self._statements) >= self._settings.concurrent_queries + self._settings.waiting_queries:
            raise QueryError(f"Too many queries: {len(self._statements)} are running or waiting. Try again later.", CAPACITY)
        self._statements.add(statement)
        seconds = wanted.timeout_seconds(self._settings.query_timeout_seconds)
        timer = asyncio.get_running_loop().call_later(seconds, statement.stop, QueryError(LATE, TIMEOUT))
        leaving = asyncio.create_task(_stop_with_client(statement, request))
        try:
            query = await statement.result(self._translators.submit(self._engine.translate, wanted))
            threads = self._texts if query.makes_texts else self._threads
            return await statement.result(threads.submit(self._engine.run, wanted, query, statement.running))
        finally:
            timer.cancel()
            leaving.cancel()
            self._leave(statement)

    def _leave(self, statement: _Statement) -> None:
        """Take a statement off the list when no thread works on it any more."""
        if statement.is_busy:
            asyncio.get_running_loop().call_later(STOP_AGAIN_SECONDS, self._leave, statement)
        else:
            self._statements.discard(statement)


async def _stop_with_client(statement: _Statement, request: Request) -> None:
    """Stop a statement when its client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    statement.stop(QueryError("The client has gone", CANCELED))


def _headers(query_id: str) -> dict[str, str]:
    return {"X-Druid-SQL-Query-Id": _NOT_IN_HEADERS.sub("?", query_id)}


async def _status(_request: Request) -> Response:
    return JSONResponse({"version": DRUID_VERSION, "modules": [], "memory": {}})


def _ready() -> str:
    return ""


def create_app(
    store: CursorsProtocol,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    token: str = "",
    count: Callable[[Denial], object] = bool,
    not_ready_reason: Callable[[], str] = _ready,
) -> Starlette:
    """Make the application; the store stays the caller's to close.

    `count` counts requests that the port denies; `not_ready_reason` returns an empty text when the service is ready.
    """

    async def health(_request: Request) -> Response:
        is_ready = not not_ready_reason()
        return JSONResponse(content=is_ready, status_code=200 if is_ready else 503)

    endpoint = _Endpoint(Engine(store, settings, clock), settings)
    application = Starlette(
        routes=[
            Route("/druid/v2/sql", endpoint.query, methods=["POST"]),
            Route("/druid/v2/sql/", endpoint.query, methods=["POST"]),
            Route("/druid/v2/sql/{query_id}", endpoint.cancel, methods=["DELETE"]),
            Route("/status/health", health),
            Route("/status", _status),
        ],
        middleware=[Middleware(GuardedApp, check=guard(settings, token).check, count=count, body=denial_content)],
    )
    application.router.redirect_slashes = False  # it would send callers to whatever host they named
    return application
