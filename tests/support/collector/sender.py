"""Sends events as the tracker does: whatever has no answer is sent again under the same ids."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
from support.collector.events import a_batch, an_event, send
from support.waiting import wait_until

BATCH = 50
SENDERS = 4


def new_ids(count: int) -> list[str]:
    """Make up event ids."""
    return [f"{random.getrandbits(128):032x}" for _ in range(count)]


def an_event_of_many_parties(event_id: str) -> dict[str, Any]:
    """An event of one of 4096 parties, each with one session; which one follows from the id."""
    party = f"{event_id[:3]:0>32}"
    return an_event(event_id, party_id=party, session_id=party[::-1])


class Sender:
    """One sender; `may_send(share)` returns whether it is time for the batch after this share."""

    def __init__(
        self,
        urls: Sequence[str],
        may_send: Callable[[float], bool],
        *,
        event: Callable[[str], dict[str, Any]] = an_event,
        site: str = "shop",
    ) -> None:
        self.urls = urls
        self.may_send = may_send
        self.acknowledged: Counter[str] = Counter()
        self.failed_at: list[float] = []  # of each request without a good answer, monotonic seconds
        self._event, self._site = event, site

    def send_all(self, batches: Sequence[Sequence[str]]) -> None:
        """Send batches of ids, each until it is answered."""
        with httpx.Client(timeout=10, trust_env=False) as client:
            for number, ids in enumerate(batches):
                wait_until(partial(self.may_send, number / len(batches)), within_seconds=300)
                body = a_batch(*map(self._event, ids), site=self._site)
                wait_until(partial(self._try, client, self.urls[number % len(self.urls)], body, ids), within_seconds=60)

    def _try(self, client: httpx.Client, url: str, body: bytes, ids: Sequence[str]) -> bool:
        try:
            answer = send(client, url, body)
        except httpx.TransportError:
            self.failed_at.append(time.monotonic())
            return False
        if answer.status_code != 200:
            self.failed_at.append(time.monotonic())
            return False
        for event_id, result in zip(ids, answer.json()["results"], strict=True):
            assert result == "ok"
            self.acknowledged[event_id] += 1
        return True


class Senders:
    """Several senders that share the ids among them, each in a thread of its own."""

    def __init__(
        self,
        ids: Sequence[str],
        urls: Sequence[str],
        may_send: Callable[[float], bool],
        *,
        event: Callable[[str], dict[str, Any]] = an_event,
        site: str = "shop",
    ) -> None:
        self.ids, self.site = ids, site
        self._batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
        self._senders = [Sender(urls, may_send, event=event, site=site) for _ in range(SENDERS)]
        self._pool = ThreadPoolExecutor(SENDERS)
        self._futures: list[Future[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._futures = [self._pool.submit(one.send_all, self._batches[number::SENDERS]) for number, one in enumerate(self._senders)]

    def finish(self) -> None:
        """Wait until everything is sent and acknowledged; raises the exception of the sender."""
        for future in self._futures:
            future.result()
        self._pool.shutdown()

    @property
    def acknowledged(self) -> int:
        """Return the number of acknowledged events so far."""
        return sum(len(one.acknowledged) for one in self._senders)

    @property
    def failed_at(self) -> list[float]:
        """The times of failed requests."""
        return [at for one in self._senders for at in one.failed_at]
