"""`headrace engines up` and `down`, as a developer types them."""

from dataclasses import asdict
from pathlib import Path

from support.headrace.installation import run_command
from support.ports import free_engine_ports

from headrace.engines.services import NAMES
from headrace.processes.installation import StateFolder
from headrace.processes.supervisor import is_alive


def test_engines_stay_when_the_command_is_done_and_end_when_stopped(tmp_path: Path) -> None:
    ports = free_engine_ports()
    options = [text for name, port in asdict(ports).items() for text in ("--engine-port", f"{name}={port}")]
    try:
        said = run_command("engines", "up", "--state", tmp_path, *options, timeout=240)
        assert f"Druid SQL    http://127.0.0.1:{ports.broker}/druid/v2/sql" in said
        processes = StateFolder(tmp_path / "engines").running().processes
        assert set(processes) == set(NAMES)
        assert all(ports.is_ready(name) for name in NAMES)
    finally:
        said = run_command("engines", "down", "--state", tmp_path)
    assert said == "stopped indexer, broker, historical, coordinator, kafka, zookeeper\n"
    assert not any(is_alive(process) for process in processes.values())
