"""Whatever process is killed in the middle of the load: each event that was answered ok is exactly one row, and the ledger balances."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.events import a_batch, an_event, send
from support.installation import Installation
from support.waiting import wait_until

EVENTS = 20_000
BATCH = 50
SENDERS = 4
KILLS = ("collector", "store", "shop", "store", "collector", "store")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(tmp_path_factory.mktemp("state"), "--no-dashboards", "--no-visits")
    yield running
    assert running.stop() == 0


class Sender:
    """Sends batches as the tracker does: whatever has no answer is sent again under the same ids."""

    def __init__(self, urls: tuple[str, ...], may_send: Callable[[float], bool]) -> None:
        self.urls = urls
        self.may_send = may_send
        self.acknowledged: Counter[str] = Counter()
        self.unanswered = 0

    def send_all(self, batches: list[list[str]]) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            for number, ids in enumerate(batches):
                wait_until(partial(self.may_send, number / len(batches)), within_seconds=120)
                body = a_batch(*(an_event(event_id) for event_id in ids))
                wait_until(partial(self._try, client, self.urls[number % len(self.urls)], body, ids), within_seconds=60)

    def _try(self, client: httpx.Client, url: str, body: bytes, ids: list[str]) -> bool:
        try:
            answer = send(client, url, body)
        except httpx.TransportError:
            self.unanswered += 1
            return False
        if answer.status_code != 200:
            self.unanswered += 1
            return False
        for event_id, result in zip(ids, answer.json()["results"], strict=True):
            assert result == "ok"
            self.acknowledged[event_id] += 1
        return True


@pytest.mark.timeout(240)
def test_each_acknowledged_event_is_exactly_one_row_after_kills_of_every_process(installation: Installation) -> None:
    urls = (f"http://127.0.0.1:{installation.collector_port}", f"http://127.0.0.1:{installation.shop_port}")
    ids = [f"{random.getrandbits(128):032x}" for _ in range(EVENTS)]
    batches = [ids[start : start + BATCH] for start in range(0, EVENTS, BATCH)]
    kills: list[str] = []

    def is_before_the_next_kill_but_one(share: float) -> bool:
        return share * (len(KILLS) + 1) < len(kills) + 1

    senders = [Sender(urls, is_before_the_next_kill_but_one) for _ in range(SENDERS)]

    def acknowledged() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    def is_in_the_middle_of_the_next_share() -> bool:
        return acknowledged() > (len(kills) + 0.5) * EVENTS / (len(KILLS) + 1)

    def kill_in_turn() -> None:
        for name in KILLS:
            wait_until(is_in_the_middle_of_the_next_share, within_seconds=120)
            installation.kill(name)
            kills.append(name)
            wait_until(lambda: installation.status()["ready"], within_seconds=60)

    with ThreadPoolExecutor(SENDERS + 1) as pool:
        killing = pool.submit(kill_in_turn)
        sending = [pool.submit(sender.send_all, batches[number::SENDERS]) for number, sender in enumerate(senders)]
        for future in sending:
            future.result()
        killing.result()

    wait_until(lambda: installation.ledger()["difference"] == 0 and installation.count() >= EVENTS, within_seconds=60)
    rows = installation.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM clickstream")[0]
    assert acknowledged() == EVENTS
    assert sum(sender.unanswered for sender in senders) > 0, "no kill hit a request: the test has shown nothing"
    assert rows == {"n": EVENTS, "ids": EVENTS}
    ledger = installation.ledger()
    assert ledger["stored"] == EVENTS
    assert ledger["received"] == ledger["stored"] + ledger["duplicates"] + ledger["rejected"] + ledger["dead_letters"]


def test_a_kill_of_the_supervisor_leaves_nothing_that_a_second_start_can_not_clear(tmp_path: Path) -> None:
    first = Installation.start(tmp_path, "--no-dashboards", "--no-visits")
    with httpx.Client(trust_env=False) as client:
        assert send(client, f"http://127.0.0.1:{first.collector_port}", a_batch(an_event())).status_code == 200
    first.process.kill()
    first.process.wait()
    second = Installation.start(tmp_path, "--no-dashboards", "--no-visits", ports=first.ports)
    wait_until(lambda: second.count() == 1)
    assert "left behind by an earlier run" in (tmp_path / "up.log").read_text()
    assert second.stop() == 0
