"""Druid's HTTP API over a store: create_app(store, settings)."""

import asyncio
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from minidruid.access import denial_body, port_guard
from minidruid.engine import Engine, QueryableStore
from minidruid.errors import CANCELED, CAPACITY, TIMEOUT, QueryError, error_body
from minidruid.requests import QueryRequest, parse_request
from minidruid.results import QueryResult
from minidruid.settings import Settings
from minidruid.statements import Statement
from startup.bounded_body import read_bounded
from startup.guarded_app import GuardedApp
from startup.port_guard import Denial

BUSY_CHECK_INTERVAL_SECONDS = 0.1
MAX_PART_SECONDS, MAX_SEND_SECONDS = 30, 120  # to send a part of a result, and all of it; a slower client is disconnected
DRUID_VERSION = "33.0.0"  # the version whose SQL and errors this service follows
TIMED_OUT = "Query timed out: select less, or raise HEADRACE_MINIDRUID_QUERY_TIMEOUT_SECONDS"

_NOT_VALID_IN_HEADER = re.compile("[^!-~]")


def utc_now() -> datetime:
    """Return the current time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class _ResultResponse(Response):
    """Sends a result part by part, with timeouts for slow clients, and releases it."""

    def __init__(self, result: QueryResult, headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"content-length": str(result.size)}, media_type=result.format.media_type)
        self._result = result

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(MAX_SEND_SECONDS):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                for part in self._result.parts():
                    async with asyncio.timeout(MAX_PART_SECONDS):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._result.release()


class _QueryHandler:
    """Handles query requests: a limited number runs, a limited number waits, and more get 429."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        # Translation holds Python's lock, and DuckDB does not count the memory of texts: one of each at a time.
        self._translation_thread = ThreadPoolExecutor(1, thread_name_prefix="translation")
        self._text_thread = ThreadPoolExecutor(1, thread_name_prefix="texts")
        self._query_threads = ThreadPoolExecutor(settings.concurrent_queries, thread_name_prefix="query")
        self._statements: set[Statement] = set()

    async def query(self, http_request: Request) -> Response:
        """Respond with the result of a statement, or with Druid's error object."""
        statement = Statement(str(uuid.uuid4()))
        try:
            body = await read_bounded(http_request.stream(), self._settings.max_body_bytes)
            if body is None:
                raise QueryError(f"The request has more than {self._settings.max_body_bytes} bytes.")
            request = parse_request(body)
            statement.query_id = request.query_id() or statement.query_id
            result = await self._run(request, statement, http_request)
        except QueryError as error:
            return Response(error_body(error), error.error_type.status, _headers(statement.query_id), "application/json")
        except ClientDisconnect:
            return Response(status_code=400)
        headers = _headers(statement.query_id) | ({"X-Druid-SQL-Header-Included": "yes"} if request.header else {})
        return _ResultResponse(result, headers)

    async def cancel(self, http_request: Request) -> Response:
        """Cancel the queries with an id: 202, or 404 if there is none."""
        query_id = http_request.path_params["query_id"]
        found = [statement for statement in self._statements if statement.query_id == query_id]
        for statement in found:
            statement.stop(QueryError(f"Query is canceled [{query_id}]", CANCELED))
        return Response(status_code=202 if found else 404)

    async def _run(self, request: QueryRequest, statement: Statement, http_request: Request) -> QueryResult:
        """Translate a statement, then run it, with a timeout and until its client disconnects."""
        if len(self._statements) >= self._settings.concurrent_queries + self._settings.waiting_queries:
            raise QueryError(f"Too many queries: {len(self._statements)} are running or waiting. Try again later.", CAPACITY)
        self._statements.add(statement)
        seconds = request.timeout_seconds(self._settings.query_timeout_seconds)
        timer = asyncio.get_running_loop().call_later(seconds, statement.stop, QueryError(TIMED_OUT, TIMEOUT))
        disconnect = asyncio.create_task(statement.stop_on_disconnect(http_request))
        try:
            query = await statement.wait(self._translation_thread.submit(self._engine.translate, request))
            threads = self._text_thread if query.produces_text else self._query_threads
            return await statement.wait(threads.submit(self._engine.run, request, query, statement.execution))
        finally:
            timer.cancel()
            disconnect.cancel()
            self._discard_when_idle(statement)

    def _discard_when_idle(self, statement: Statement) -> None:
        """Stop counting a statement as soon as no thread works on it."""
        if statement.is_busy:
            asyncio.get_running_loop().call_later(BUSY_CHECK_INTERVAL_SECONDS, self._discard_when_idle, statement)
        else:
            self._statements.discard(statement)


def _headers(query_id: str) -> dict[str, str]:
    return {"X-Druid-SQL-Query-Id": _NOT_VALID_IN_HEADER.sub("?", query_id)}


async def _status(_request: Request) -> Response:
    return JSONResponse({"version": DRUID_VERSION, "modules": [], "memory": {}})


def _always_ready() -> str:
    return ""


def create_app(
    store: QueryableStore,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    token: str = "",
    count: Callable[[Denial], object] = bool,
    not_ready_reason: Callable[[], str] = _always_ready,
) -> Starlette:
    """Create the application; the caller closes the store.

    `count` counts requests that the port denies; `not_ready_reason` returns an empty text when the service is ready.
    """

    async def health(_request: Request) -> Response:
        is_ready = not not_ready_reason()
        return JSONResponse(content=is_ready, status_code=200 if is_ready else 503)

    handler = _QueryHandler(Engine(store, settings, clock), settings)
    application = Starlette(
        routes=[
            Route("/druid/v2/sql", handler.query, methods=["POST"]),
            Route("/druid/v2/sql/", handler.query, methods=["POST"]),
            Route("/druid/v2/sql/{query_id}", handler.cancel, methods=["DELETE"]),
            Route("/status/health", health),
            Route("/status", _status),
        ],
        middleware=[Middleware(GuardedApp, check=port_guard(settings, token).check, count=count, body=denial_body)],
    )
    application.router.redirect_slashes = False  # a redirect would lead to the host that the request names
    return application
