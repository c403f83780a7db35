"""Whatever process is killed in the middle of the load: each event that was answered ok is exactly one row, and the ledger balances."""

from pathlib import Path

import httpx
import pytest
from support.collector.events import a_batch, an_event, send
from support.collector.sender import Senders, new_ids
from support.headrace.installation import Installation
from support.waiting import wait_until

EVENTS = 20_000
KILLS = ("collector", "store", "shop", "store", "collector", "store")


@pytest.mark.timeout(240)
def test_each_acknowledged_event_is_exactly_one_row_after_kills_of_every_process(installation: Installation) -> None:
    urls = (f"http://127.0.0.1:{installation.collector_port}", f"http://127.0.0.1:{installation.shop_port}")
    kills: list[str] = []

    def is_before_the_next_kill_but_one(share: float) -> bool:
        return share * (len(KILLS) + 1) < len(kills) + 1

    senders = Senders(new_ids(EVENTS), urls, is_before_the_next_kill_but_one)

    def is_in_the_middle_of_the_next_share() -> bool:
        return senders.acknowledged > (len(kills) + 0.5) * EVENTS / (len(KILLS) + 1)

    senders.start()
    for name in KILLS:
        wait_until(is_in_the_middle_of_the_next_share, within_seconds=120)
        installation.kill(name)
        kills.append(name)
        wait_until(lambda: installation.status()["ready"], within_seconds=60)
    senders.finish()

    wait_until(lambda: installation.ledger()["difference"] == 0 and installation.count() >= EVENTS, within_seconds=60)
    rows = installation.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM clickstream")[0]
    assert senders.acknowledged == EVENTS
    assert senders.failed_at, "no kill hit a request: the test has shown nothing"
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
    assert "left over from an earlier run" in (tmp_path / "up.log").read_text()
    assert second.stop() == 0
