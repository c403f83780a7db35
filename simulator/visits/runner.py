"""Live visits: pages are fetched and events are sent over HTTP, each at its time."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import httpx

from simulator.settings import VisitsSettings
from simulator.trusted_source import MAX_TRIES, Event, backoff_seconds, encode_batch, is_retryable
from simulator.visits.visit import Tracker, Visit, headers, plan_visit
from simulator.visits.world import World


@dataclass
class Tally:
    """Counts of visits, pages and events so far."""

    visits: int = 0
    pages: int = 0
    events: int = 0  # acknowledged
    refused: int = 0  # batches that the collector rejected
    given_up: int = 0  # events without a response, and visits while the shop was unavailable


class Runner:
    """Starts visits at the rate in the settings and runs each of them."""

    def __init__(self, settings: VisitsSettings, world: World, id_key: str, client: httpx.AsyncClient) -> None:
        self.tally = Tally()
        self._settings = settings
        self._world = world
        self._id_key = id_key
        self._client = client
        self._free = asyncio.Semaphore(settings.max_concurrent)

    async def run(self) -> None:
        """Run until the count or duration in the settings is reached and all visits have ended; cancellation ends them all."""
        deadline = time.monotonic() + (self._settings.duration_seconds or float("inf"))
        pause = Random(f"{self._settings.seed}/pause")  # noqa: S311 - simulated chance, repeatable on purpose
        numbers = range(self._settings.count) if self._settings.count else itertools.count()
        async with asyncio.TaskGroup() as visits:
            for number in numbers:
                await self._free.acquire()
                visit = visits.create_task(self._run_visit(plan_visit(self._world, self._settings.seed, number)))
                visit.add_done_callback(lambda _: self._free.release())
                await asyncio.sleep(pause.expovariate(self._settings.rate / 60))
                if time.monotonic() >= deadline:
                    break

    async def _run_visit(self, visit: Visit) -> None:
        began_at = time.time()
        pace = self._settings.pace
        sent_headers = headers(visit.visitor)
        for moment in Tracker(visit, self._settings.shop_url, self._id_key).moments():
            await asyncio.sleep(began_at + moment.at_ms / 1000 * pace - time.time())
            if moment.get is not None and not await self._get(moment.get, sent_headers):
                self.tally.given_up += 1
                return
            if moment.events:
                events = [{**event, "created_at": int(began_at * 1000 + event["created_at"] * pace)} for event in moment.events]
                await self._post(events, sent_headers)
        self.tally.visits += 1

    async def _get(self, path: str, sent_headers: dict[str, str]) -> bool:
        response = await self._request("GET", path, None, sent_headers)
        self.tally.pages += response is not None
        return response is not None

    async def _post(self, events: list[Event], sent_headers: dict[str, str]) -> None:
        response = await self._request("POST", "/h", events, {**sent_headers, "Content-Type": "text/plain;charset=UTF-8"})
        if response is None:
            self.tally.given_up += len(events)
        elif response.is_success:
            self.tally.events += len(events)
        else:
            self.tally.refused += 1

    async def _request(self, method: str, path: str, events: list[Event] | None, sent_headers: dict[str, str]) -> httpx.Response | None:
        """Send a request and retry as the tracker does, within bounds; a retry has the same event ids."""
        for number in range(1, MAX_TRIES + 1):
            body = None if events is None else encode_batch(self._settings.site, events)
            response_headers: Mapping[str, str] = {}
            with contextlib.suppress(httpx.TransportError):
                response = await self._client.request(method, path, content=body, headers=sent_headers)
                if not is_retryable(response.status_code):
                    return response
                response_headers = response.headers
            if number < MAX_TRIES:
                await asyncio.sleep(backoff_seconds(number, response_headers))
        return None
