"""The store's internal path to dead letters."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette

from headrace.dead_letters import route

DAMAGE = {
    "topic": "clickstream-avro",
    "position": 512,
    "stage": "read",
    "reason": "damaged_frame",
    "text": "no frame that checks",
    "source": "",
    "event_id": "",
    "received_at": 0,
    "failed_at": 1_767_225_600_000,
    "content": b"\xff\x00?",
}


def read(limit: int) -> tuple[int, Sequence[Mapping[str, Any]]]:
    return 300, [DAMAGE] * limit


def get(path: str) -> httpx.Response:
    """Ask the path as the store's server would."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=[route(read)])), base_url="http://store") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_damage_is_given_whole_and_when_it_came_is_not_made_up() -> None:
    answer = get("/dead-letters?limit=1").json()
    assert answer["total"] == 300
    (letter,) = answer["dead_letters"]
    assert (letter["received_at"], letter["failed_at"], letter["position"]) == (None, "2026-01-01T00:00:00.000Z", 512)
    assert base64.b64decode(letter["content_base64"]) == b"\xff\x00?"


def test_twenty_are_given_unless_asked_otherwise_and_never_more_than_a_hundred() -> None:
    assert len(get("/dead-letters").json()["dead_letters"]) == 20
    assert [get(f"/dead-letters?limit={limit}").status_code for limit in (0, 100, 101, "-1", "²")] == [400, 200, 400, 400, 400]
