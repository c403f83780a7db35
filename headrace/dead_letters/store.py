"""The dead letters of one machine: the store's internal paths for them, and their client."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.dead_letters.command import Letter, to_json
from headrace.store_paths import StoreClient, decode_body
from streams.local.replays import BEGINNING, Origin, Replayed
from streams.sink import DeadLetterFilter

PATH = "/dead-letters"
REPLAY_PATH = "/dead-letters/replay"
MAX_LISTED = 100  # a message has up to 1 MiB
TIMEOUT_SECONDS = 60

# The number of selected dead letters, and the newest ones up to a limit.
Read: TypeAlias = Callable[[int, DeadLetterFilter], tuple[int, Sequence[Mapping[str, Any]]]]
# Replays one batch of the selected dead letters after an origin.
Replay: TypeAlias = Callable[[DeadLetterFilter, Origin], Future[Replayed]]


class _ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""
    origins: tuple[str, ...] = ()
    after: Origin = BEGINNING


def dead_letter_routes(read: Read, replay: Replay) -> tuple[Route, Route]:
    """Return GET /dead-letters?limit=20&reason=…&origin=…, the newest first, and POST /dead-letters/replay for one batch."""

    def list_dead_letters(request: Request) -> Response:
        limit = request.query_params.get("limit", "20")
        if not re.fullmatch(r"\d{1,9}", limit) or not 1 <= int(limit) <= MAX_LISTED:
            return JSONResponse({"message": f"limit must be a number from 1 to {MAX_LISTED}"}, 400)
        selection = DeadLetterFilter(request.query_params.get("reason", ""), tuple(request.query_params.getlist("origin")))
        total, letters = read(int(limit), selection)
        return JSONResponse({"total": total, "dead_letters": [to_json(letter) for letter in letters]})

    async def replay_batch(request: Request) -> Response:
        try:
            wanted = await decode_body(request, _ReplayRequest)
        except ValueError as error:
            return JSONResponse({"message": f"expected {{'reason': …, 'origins': […], 'after': …}}: {error}"}, 400)
        done = await asyncio.wrap_future(replay(DeadLetterFilter(wanted.reason, wanted.origins), wanted.after))
        return JSONResponse(asdict(done))

    return Route(PATH, list_dead_letters), Route(REPLAY_PATH, replay_batch, methods=["POST"])


class StoreDeadLetters:
    """The dead letters of the store at a URL; raises CommandError if it does not respond."""

    def __init__(self, store_url: str, token: str = "") -> None:
        self._store = StoreClient(store_url, token)

    def newest(self, selection: DeadLetterFilter, limit: int) -> tuple[int, Sequence[Letter]]:
        """Return the number of selected dead letters, and the newest `limit` of them."""
        query = {"limit": limit, "reason": selection.reason, "origin": list(selection.origins)}
        content = self._store.send("GET", PATH, TIMEOUT_SECONDS, params=query)
        return content["total"], content["dead_letters"]

    def replay(self, selection: DeadLetterFilter) -> Iterator[Replayed]:
        """Reprocess the selected dead letters batch by batch, and return the results."""
        after: Origin | None = BEGINNING
        while after is not None:
            replayed = Replayed(**self._store.send("POST", REPLAY_PATH, TIMEOUT_SECONDS, json=asdict(selection) | {"after": after}))
            after = replayed.last
            yield replayed
