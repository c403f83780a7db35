"""`headrace up --engines druid`: the whole on one machine, with real Kafka and real Druid."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.events import a_batch, an_event, send
from support.installation import Installation, run_command
from support.waiting import wait_until

from headrace.engine_ports import free_engine_ports
from headrace.engines import NAMES


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


def test_status_tells_of_every_process(installation: Installation) -> None:
    processes = installation.status()["processes"]
    assert {name for name, process in processes.items() if process["ready"]} == {*NAMES, "collector", "forwarder", "converter", "shop"}


def test_an_event_is_a_row_and_in_the_ledger(installation: Installation) -> None:
    take(installation, "first")
    wait_until(lambda: installation.count("event_type = 'first'") == 1, within_seconds=30)
    wait_until(lambda: installation.ledger()["stored"] == 1, within_seconds=30)


def test_a_killed_kafka_is_started_again_and_loses_nothing(installation: Installation) -> None:
    installation.kill("kafka")
    take(installation, "meanwhile")
    wait_until(lambda: installation.count("event_type = 'meanwhile'") == 1, within_seconds=90, every_seconds=0.5)
    assert installation.ledger()["difference"] == 0


def test_down_ends_every_process(tmp_path: Path, installation: Installation) -> None:
    assert run_command("down", "--state", installation.state, timeout=120) == "headrace is down\n"
    assert not any(process["alive"] for process in installation.status()["processes"].values())
