"""The rows of one machine: the store's internal path to delete some, and its client."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.rows.command import Row
from headrace.sql import query
from headrace.store_paths import StoreClient, decode_body
from streams.sink import RowKey

PATH: Final = "/rows/delete"
MAX_ROWS: Final = 20_000  # conversion waits meanwhile
TIMEOUT_SECONDS: Final = 300

Delete: TypeAlias = Callable[[Sequence[RowKey]], "Future[int]"]


class _DeletionRequest(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[RowKey]  # site and event id of each


def deletion_route(delete: Delete) -> Route:
    """Return POST /rows/delete; the response has the number of these rows that are deleted."""

    async def delete_rows(request: Request) -> Response:
        try:
            wanted = await decode_body(request, _DeletionRequest)
        except ValueError as error:
            return JSONResponse({"message": f"expected {{'rows': [[site, event id], …]}}: {error}"}, 400)
        if len(wanted.rows) > MAX_ROWS:
            return JSONResponse({"message": f"at most {MAX_ROWS} rows can be deleted at a time, not {len(wanted.rows)}"}, 400)
        return JSONResponse({"deleted": await asyncio.wrap_future(await run_in_threadpool(delete, wanted.rows))})

    return Route(PATH, delete_rows, methods=["POST"])


class StoreRows:
    """The rows of the store at a URL."""

    table: Final = "clickstream"

    def __init__(self, store_url: str, token: str = "", batch_rows: int = MAX_ROWS) -> None:
        self._store_url, self._token, self.batch_rows = store_url, token, batch_rows
        self._store = StoreClient(store_url, token)

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a result; raises CommandError."""
        return query(self._store_url, self._token, statement)[1]

    def delete(self, rows: Sequence[Row]) -> int:
        """Delete rows and return their number; raises CommandError if the store does not respond."""
        wanted = {"rows": [(row.site, row.event_id) for row in rows]}
        deleted: int = self._store.send("POST", PATH, TIMEOUT_SECONDS, json=wanted)["deleted"]
        return deleted
