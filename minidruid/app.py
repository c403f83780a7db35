"""Druid's HTTP path over a store: create_app(store, settings)."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from minidruid.access import guard, refusal_content
from minidruid.answers import Answer, error_content
from minidruid.engine import CursorsProtocol, Engine, Running
from minidruid.errors import CAPACITY, QueryError
from minidruid.requests import QueryRequest, read_request
from minidruid.settings import Settings
from startup.guarded_app import GuardedApp
from startup.port_guard import Refusal

STOP_AGAIN_SECONDS = 0.1
DRUID_VERSION = "33.0.0"  # whose SQL and errors these are


def utc_now() -> datetime:
    """Now, UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class _Endpoint:
    """Takes queries: so many run at a time, so many wait, the rest are turned away."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.concurrent_queries, thread_name_prefix="query")
        self._present = 0

    async def query(self, request: Request) -> Response:
        query_id = str(uuid.uuid4())
        try:
            wanted = read_request(await self._body(request))
            query_id = str(wanted.context.get("sqlQueryId", query_id))
            answer = await self._answer(wanted)
        except QueryError as error:
            return Response(error_content(error), error.refusal.status, _headers(query_id), "application/json")
        except ClientDisconnect:
            return Response(status_code=400)
        headers = _headers(query_id) | ({"X-Druid-SQL-Header-Included": "yes"} if wanted.header else {})
        return Response(answer.content(), headers=headers, media_type=answer.format.media_type)

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > self._settings.max_body_bytes:
                raise QueryError(f"The request has more than {self._settings.max_body_bytes} bytes.")
        return body

    async def _answer(self, wanted: QueryRequest) -> Answer:
        if self._present >= self._settings.concurrent_queries + self._settings.waiting_queries:
            raise QueryError(f"Too many queries: {self._present} are running or waiting. Try again later.", CAPACITY)
        self._present += 1
        loop = asyncio.get_running_loop()
        running = Running()
        work = self._threads.submit(self._engine.answer, wanted, running)

        def stop() -> None:
            # Again and again: DuckDB forgets an interrupt that comes before the statement has begun to run.
            if not work.done():
                running.interrupt()
                loop.call_later(STOP_AGAIN_SECONDS, stop)

        timer = loop.call_later(wanted.timeout_seconds(self._settings.query_timeout_seconds), stop)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            stop()
            raise
        finally:
            timer.cancel()
            self._present -= 1


def _headers(query_id: str) -> dict[str, str]:
    return {"X-Druid-SQL-Query-Id": query_id.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")}


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
    count: Callable[[Refusal], object] = bool,
    trouble: Callable[[], str] = _ready,
) -> Starlette:
    """Make the application; the store stays the caller's to close.

    `count` counts requests that the port refuses; `trouble` says why the service is not ready, or nothing.
    """

    async def health(_request: Request) -> Response:
        is_ready = not trouble()
        return JSONResponse(content=is_ready, status_code=200 if is_ready else 503)

    endpoint = _Endpoint(Engine(store, settings, clock), settings)
    application = Starlette(
        routes=[
            Route("/druid/v2/sql", endpoint.query, methods=["POST"]),
            Route("/druid/v2/sql/", endpoint.query, methods=["POST"]),
            Route("/status/health", health),
            Route("/status", _status),
        ],
        middleware=[Middleware(GuardedApp, check=guard(settings, token).refusal, count=count, body=refusal_content)],
    )
    application.router.redirect_slashes = False  # it would send callers to whatever host they named
    return application
