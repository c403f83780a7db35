"""The rows of one machine: the store's internal path that deletes some, and how the command asks there."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

import httpx
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.errors import CommandError
from headrace.rows.command import Row
from headrace.sql import query
from headrace.store_requests import read_body
from streams.sink import RowKey

PATH: Final = "/rows/delete"
MAX_ROWS: Final = 20_000  # the stream waits meanwhile
SECONDS: Final = 300

Delete: TypeAlias = Callable[[Sequence[RowKey]], "Future[int]"]


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[RowKey]  # site and event id of each


def deletion_route(delete: Delete) -> Route:
    """Return POST /rows/delete: so many of these rows are gone when it is answered."""

    async def delete_rows(request: Request) -> Response:
        try:
            wish = msgspec.json.decode(await read_body(request), type=_Wish)
        except ValueError as error:  # msgspec's errors are ValueErrors
            return JSONResponse({"message": f"expected {{'rows': [[site, event id], …]}}: {error}"}, 400)
        if len(wish.rows) > MAX_ROWS:
            return JSONResponse({"message": f"at most {MAX_ROWS} rows are deleted at a time, not {len(wish.rows)}"}, 400)
        return JSONResponse({"deleted": await asyncio.wrap_future(await run_in_threadpool(delete, wish.rows))})

    return Route(PATH, delete_rows, methods=["POST"])


class StoreRows:
    """The rows that the store at an address keeps."""

    table: Final = "clickstream"

    def __init__(self, store_url: str, token: str = "", portion: int = MAX_ROWS) -> None:
        self._store_url, self._token, self.portion = store_url, token, portion
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of an answer; raises CommandError."""
        return query(self._store_url, self._token, statement)[1]

    def delete(self, rows: Sequence[Row]) -> int:
        """Delete rows; raises CommandError if the store does not answer."""
        wish = {"rows": [(row.site, row.event_id) for row in rows]}
        try:
            answer = httpx.post(self._store_url + PATH, json=wish, headers=self._headers, timeout=SECONDS, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise CommandError(f"the store at {self._store_url} does not answer ({error}); `headrace status` says what runs") from error
        deleted: int = answer.json()["deleted"]
        return deleted
