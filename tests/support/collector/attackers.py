"""Two networks at their rate limits and an ordinary visitor, with the collector and the store as child processes."""

import itertools
import secrets
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msgspec
import psutil
from support.collector.collectors import an_id, collector_running
from support.headrace.store_process import a_store
from support.streams.process import open_store
from support.waiting import wait_until

from headrace.processes.supervisor import responds
from streams.sink import Batch, Session

PARTIES, SESSIONS = 60, 5000  # those of a party are all that it may have
VISITOR = "192.0.2.9"
REQUESTS_PER_SECOND = 25  # more than the rate limit, as the rejections show
EVENTS_PER_REQUEST = 50
ROWS = "SELECT event_id FROM clickstream WHERE site = 'ordinary'"


def an_event(**more: Any) -> dict[str, Any]:
    """A small event of now, with more keys."""
    event = {"id": secrets.token_hex(16), "type": "pageView", "created_at": time.time_ns() // 1_000_000, "url": "https://shop.example/"}
    return event | more


def session_events(number: int, parties: int) -> list[dict[str, Any]]:
    """Events of parties that have named all the sessions they may: of known ones, of new ones, and of none."""
    numbers = range(number * EVENTS_PER_REQUEST, (number + 1) * EVENTS_PER_REQUEST)
    names = itertools.cycle((an_id(number), secrets.token_hex(16), None))
    return [
        an_event(party_id=an_id(at % parties), **({"session_id": name} if name else {})) for at, name in zip(numbers, names, strict=False)
    ]


def id_events(*_: int) -> list[dict[str, Any]]:
    """Small events, each of a new party in a new session."""
    return [an_event(party_id=secrets.token_hex(16), session_id=secrets.token_hex(16)) for _ in range(EVENTS_PER_REQUEST)]


def large_events(*_: int) -> list[dict[str, Any]]:
    """Events as large as they are taken."""
    return [an_event(title=secrets.token_urlsafe(380), parameters={"a": secrets.token_urlsafe(5900)}) for _ in range(29)]


Attack: TypeAlias = Callable[[int, int], list[dict[str, Any]]]
ATTACKERS: Mapping[str, Sequence[Attack]] = {"198.51.100.7": (session_events,), "203.0.113.7": (id_events, large_events)}


def name_sessions(folder: Path, parties: int) -> None:
    """Make a store in which parties have named all the sessions they may: one network needs five minutes for that."""
    store, now = open_store(folder), time.time_ns() // 1_000_000
    for party in range(parties):
        at = [now - 1000 * number for number in range(SESSIONS)]
        store.commit(
            Batch(
                "setup",
                party,
                sessions=[
                    Session("shop", an_id(party), an_id(number), at[number], at[number], 1, 0, "/", None, "/", "Direct", None)
                    for number in range(SESSIONS)
                ],
            )
        )
    store.close()


@dataclass
class Installation:
    """A collector and a store on one folder."""

    collector_url: str
    sql_url: str
    parties: int
    processes: Mapping[str, psutil.Process]
    answers: dict[str, Counter[int]] = field(default_factory=dict)

    def send(self, client: httpx.Client, network: str, site: str, events: list[dict[str, Any]]) -> int:
        """Send a batch from a network; return the status."""
        body = {"version": 1, "site": site, "sent_at": time.time_ns() // 1_000_000, "events": events}
        headers = {"x-forwarded-for": network, "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        return client.post(f"{self.collector_url}/h", content=msgspec.json.encode(body), headers=headers).status_code

    def attack(self, network: str, attacks: Sequence[Attack], done: threading.Event) -> None:
        """Send at the rate limit, each kind of event in turn, until stopped."""
        answers = self.answers.setdefault(network, Counter())
        due = time.monotonic()
        with httpx.Client(trust_env=False, timeout=30) as client:
            for number, attack in enumerate(itertools.cycle(attacks)):
                if done.wait(max(0.0, due - time.monotonic())):
                    return
                due += 1 / REQUESTS_PER_SECOND
                answers[self.send(client, network, "shop", attack(number, self.parties))] += 1

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU share of each process."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: used.user + used.system for name, used in times.items()}

    @contextmanager
    def attacked(self) -> Iterator[None]:
        """Attack from all networks for a while."""
        done = threading.Event()
        threads = [threading.Thread(target=self.attack, args=(*attacker, done)) for attacker in ATTACKERS.items()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join()

    def visit(self, seconds: float, *, interval: float = 0.2) -> list[float]:
        """Send events as an ordinary visitor; return the seconds from each answer until a query shows the row."""
        answered: dict[str, float] = {}
        seen: dict[str, float] = {}
        answers = self.answers.setdefault(VISITOR, Counter())
        began = time.monotonic()
        with httpx.Client(trust_env=False, timeout=30) as client:
            for number in itertools.count():
                if (due := began + number * interval) > began + seconds:
                    break
                self._look(client, seen, until=due)
                event = an_event(party_id=an_id(1 << 64), session_id=an_id(1 << 65))
                answers[self.send(client, VISITOR, "ordinary", [event])] += 1
                answered[event["id"]] = time.monotonic()
            deadline = time.monotonic() + 60
            while answered.keys() - seen.keys() and time.monotonic() < deadline:
                self._look(client, seen, until=time.monotonic() + 0.05)
        return [seen.get(event, deadline) - at for event, at in answered.items()]

    def _look(self, client: httpx.Client, seen: dict[str, float], *, until: float) -> None:
        """Ask for the visitor's rows again and again."""

        def is_due() -> bool:
            rows = client.post(self.sql_url, json={"query": ROWS}).json()
            now = time.monotonic()
            for row in rows:
                seen.setdefault(row["event_id"], now)
            return now >= until

        wait_until(is_due, within_seconds=60)


@contextmanager
def an_installation(folder: Path, parties: int = PARTIES) -> Iterator[Installation]:
    """Run a collector and a store with the default settings, on a store in which parties have named all they may."""
    name_sessions(folder, parties)
    with ExitStack() as stack:
        collector = stack.enter_context(collector_running(folder, topic_directory=folder / "topics" / "clickstream-avro"))
        store, url = stack.enter_context(a_store(folder))
        installation = Installation(
            collector.url,
            url,
            parties,
            {"collector": psutil.Process(collector.process.pid), "store": psutil.Process(store.pid)},
        )
        wait_until(lambda: responds(str(httpx.URL(url).join("/status/health"))), within_seconds=60)
        yield installation


def quantile(values: list[float], percent: int) -> float:
    """Return a quantile of seconds."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
