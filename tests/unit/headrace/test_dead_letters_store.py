"""The store's internal paths to dead letters."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from headrace.dead_letters.store import dead_letter_routes
from headrace.store_paths import MAX_BODY_BYTES
from streams.local.replays import Origin, Replayed
from streams.sink import DeadLetterFilter

DAMAGE = {
    "topic": "clickstream-avro",
    "position": 512,
    "stage": "read",
    "reason": "damaged_frame",
    "text": "not a valid frame",
    "source": "",
    "event_id": "",
    "received_at": 0,
    "failed_at": 1_767_225_600_000,
    "content": b"\xff\x00?",
}


def read(limit: int, choice: DeadLetterFilter) -> tuple[int, Sequence[Mapping[str, Any]]]:
    return 300, [DAMAGE | {"text": str(choice)}] * limit


def replay(choice: DeadLetterFilter, after: Origin) -> "Future[Replayed]":
    done: Future[Replayed] = Future()
    done.set_result(Replayed(len(choice.origins), {choice.reason: 2}, after))
    return done


def ask(method: str, path: str, content: str = "", **headers: str) -> httpx.Response:
    """Ask the path as the store's server would."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=dead_letter_routes(read, replay)))
        async with httpx.AsyncClient(transport=transport, base_url="http://store") as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(asking())


def test_damage_is_given_whole_and_when_it_came_is_not_made_up() -> None:
    answer = ask("GET", "/dead-letters?limit=1").json()
    assert answer["total"] == 300
    (letter,) = answer["dead_letters"]
    assert (letter["received_at"], letter["failed_at"], letter["position"]) == (None, "2026-01-01T00:00:00.000Z", 512)
    assert letter["origin"] == "clickstream-avro/512"
    assert base64.b64decode(letter["content_base64"]) == b"\xff\x00?"


def test_twenty_are_given_unless_asked_otherwise_and_never_more_than_a_hundred() -> None:
    assert len(ask("GET", "/dead-letters").json()["dead_letters"]) == 20
    limits = (0, 100, 101, "-1", "²", "9" * 5000)
    assert [ask("GET", f"/dead-letters?limit={limit}").status_code for limit in limits] == [400, 200, 400, 400, 400, 400]


def test_a_reason_and_origins_are_passed_on() -> None:
    (letter,) = ask("GET", "/dead-letters?limit=1&reason=undecodable&origin=a/1&origin=a/2").json()["dead_letters"]
    assert letter["text"] == str(DeadLetterFilter("undecodable", ("a/1", "a/2")))
    answer = ask("POST", "/dead-letters/replay", '{"reason": "undecodable", "origins": ["a/1", "a/2"], "after": ["a", 7]}')
    assert answer.json() == {"brought_in": 2, "failed_again": {"undecodable": 2}, "last": ["a", 7]}


@pytest.mark.parametrize("wish", ["", "[]", '{"origin": "a/1"}', '{"after": 7}', "{}" + " " * MAX_BODY_BYTES], ids=range(5))
def test_a_wish_that_is_not_understood_replays_nothing(wish: str) -> None:
    answer = ask("POST", "/dead-letters/replay", wish)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("expected {'reason': …")
