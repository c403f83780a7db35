"""The dead letters of one machine: the store's internal paths to them, and how the command asks there."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeAlias

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.dead_letters.command import Letter, to_json
from headrace.errors import CommandError
from headrace.store_requests import read_body
from streams.local.replays import BEGINNING, Origin, Replayed
from streams.sink import DeadLetterFilter

PATH = "/dead-letters"
REPLAY_PATH = "/dead-letters/replay"
MOST = 100  # a message has up to 1 MiB
SECONDS = 60

Read: TypeAlias = Callable[[int, DeadLetterFilter], tuple[int, Sequence[Mapping[str, Any]]]]  # how many are chosen, and the newest so many
Replay: TypeAlias = Callable[[DeadLetterFilter, Origin], Future[Replayed]]  # those of a choice behind a place, as many as one goes takes


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""
    origins: tuple[str, ...] = ()
    after: Origin = BEGINNING


def dead_letter_routes(read: Read, replay: Replay) -> tuple[Route, Route]:
    """Give GET /dead-letters?limit=20&reason=…&origin=…, the newest first, and POST /dead-letters/replay for some of them."""

    def answer(request: Request) -> Response:
        limit = request.query_params.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST:
            return JSONResponse({"message": f"limit must be a number from 1 to {MOST}"}, 400)
        choice = DeadLetterFilter(request.query_params.get("reason", ""), tuple(request.query_params.getlist("origin")))
        total, letters = read(int(limit), choice)
        return JSONResponse({"total": total, "dead_letters": [to_json(letter) for letter in letters]})

    async def have_replayed(request: Request) -> Response:
        try:
            wish = msgspec.json.decode(await read_body(request), type=_Wish)
        except ValueError as error:  # msgspec's errors are ValueErrors
            return JSONResponse({"message": f"expected {{'reason': …, 'origins': […], 'after': …}}: {error}"}, 400)
        done = await asyncio.wrap_future(replay(DeadLetterFilter(wish.reason, wish.origins), wish.after))
        return JSONResponse(asdict(done))

    return Route(PATH, answer), Route(REPLAY_PATH, have_replayed, methods=["POST"])


class StoreDeadLetters:
    """The dead letters that the store at an address keeps; raises CommandError if it does not answer."""

    def __init__(self, store_url: str, token: str = "") -> None:
        self._store_url = store_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def newest(self, choice: DeadLetterFilter, limit: int) -> tuple[int, Sequence[Letter]]:
        """How many are chosen, and the newest so many of them."""
        asked = {"limit": limit, "reason": choice.reason, "origin": list(choice.origins)}
        answer = self._ask("GET", PATH, params=asked)
        return answer["total"], answer["dead_letters"]

    def replay(self, choice: DeadLetterFilter) -> Iterator[Replayed]:
        """Have the chosen ones replayed, one portion after the other."""
        after: Origin | None = BEGINNING
        while after is not None:
            replayed = Replayed(**self._ask("POST", REPLAY_PATH, json=asdict(choice) | {"after": after}))
            after = replayed.last
            yield replayed

    def _ask(self, method: str, path: str, **told: Any) -> dict[str, Any]:
        try:
            answer = httpx.request(method, self._store_url + path, headers=self._headers, timeout=SECONDS, trust_env=False, **told)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise CommandError(f"the store at {self._store_url} does not answer ({error}); `headrace status` says what runs") from error
        content: dict[str, Any] = answer.json()
        return content
