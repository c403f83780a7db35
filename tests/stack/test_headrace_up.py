"""`headrace up --engines druid`: the whole on one machine, with real Kafka and real Druid."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation, run_command
from support.modes import open_to_others
from support.ports import free_engine_ports
from support.waiting import wait_until

from headrace.engines.services import NAMES


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    options = [text for name, port in free_engine_ports().without_broker().items() for text in ("--engine-port", f"{name}={port}")]
    running = Installation.start(
        tmp_path_factory.mktemp("state"), "--engines", "druid", "--no-dashboards", "--no-visits", *options, within_seconds=240
    )
    yield running
    assert running.stop() == 0


def take(installation: Installation, event_type: str) -> None:
    with httpx.Client(trust_env=False) as client:
        answer = send(client, f"http://127.0.0.1:{installation.collector_port}", a_batch(an_event(type=event_type)))
        assert answer.status_code == 200, answer.text


def is_row(installation: Installation, event_type: str) -> bool:
    """Druid does not know the table before its first row, and gives errors while a process is gone."""
    statement = f"SELECT COUNT(*) AS n FROM clickstream WHERE event_type = '{event_type}'"
    url = f"http://127.0.0.1:{installation.sql_port}/druid/v2/sql"
    try:
        answer = httpx.post(url, json={"query": statement}, timeout=30, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and answer.json() == [{"n": 1}]


def test_status_shows_every_process(installation: Installation) -> None:
    processes = installation.status()["processes"]
    assert {name for name, process in processes.items() if process["ready"]} == {*NAMES, "collector", "forwarder", "converter", "shop"}


def test_an_event_is_a_row_and_in_the_ledger(installation: Installation) -> None:
    take(installation, "first")
    wait_until(lambda: is_row(installation, "first"), within_seconds=60)
    wait_until(lambda: installation.ledger()["stored"] == 1, within_seconds=30)


def test_files_of_kafka_and_druid_are_private_like_all_others(installation: Installation) -> None:
    (installation.state / "up.log").chmod(0o600)  # the test's own
    assert (installation.state / "engines" / "kafka").is_dir()
    assert open_to_others(installation.state) == []


def test_rows_are_deleted_as_on_one_machine(installation: Installation) -> None:
    take(installation, "mistake")
    wait_until(lambda: is_row(installation, "mistake"), within_seconds=60)
    wait_until(lambda: installation.ledger()["difference"] == 0, within_seconds=30)
    command = ("rows", "delete", "--state", installation.state, "--where", "event_type = 'mistake'", "--yes")
    assert "1 row deleted" in run_command(*command, timeout=240)
    assert installation.sql("SELECT COUNT(*) AS n FROM clickstream WHERE event_type = 'mistake'") == [{"n": 0}]
    wait_until(lambda: installation.ledger()["deleted"] == 1, within_seconds=30)
    assert installation.ledger()["difference"] == 0


@pytest.mark.parametrize("name", ["broker", "indexer", "kafka"])
def test_an_engine_that_is_killed_is_started_again_and_nothing_is_lost(installation: Installation, name: str) -> None:
    installation.kill(name)
    take(installation, f"killed-{name}")
    wait_until(lambda: is_row(installation, f"killed-{name}"), within_seconds=90, every_seconds=0.5)
    wait_until(lambda: installation.ledger()["difference"] == 0, within_seconds=30)


def test_down_ends_every_process(tmp_path: Path, installation: Installation) -> None:
    assert run_command("down", "--state", installation.state, timeout=120) == "headrace is down\n"
    assert not any(process["alive"] for process in installation.status()["processes"].values())
