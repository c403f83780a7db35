"""A service that keeps ending is not ready, whatever it answers between two ends, and its true last error is shown."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation, run_command
from support.waiting import wait_until


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """One whose store has enough memory to start, and not enough to commit."""
    monkeypatch.setenv("HEADRACE_MINIDRUID_MEMORY_LIMIT", "4MB")
    running = Installation.start(tmp_path, "--no-dashboards", "--no-visits")
    yield running
    assert running.stop() == 0


def test_a_store_that_ends_at_every_batch_is_never_ready_and_status_says_why(installation: Installation) -> None:
    with httpx.Client(trust_env=False) as client:
        for _ in range(40):
            answer = send(client, f"http://127.0.0.1:{installation.collector_port}", a_batch(*(an_event() for _ in range(50))))
            assert answer.json()["results"] == ["ok"] * 50
    log = installation.state / "up.log"
    wait_until(lambda: "store exited" in log.read_text(), within_seconds=20)
    reasons: dict[str, str] = {}  # by state, the last one
    while log.read_text().count("store exited") < 4:
        content = installation.status()
        assert not content["ready"]
        reasons[content["processes"]["store"]["state"]] = content["processes"]["store"]["reason"]
    assert "ready" not in reasons
    assert "Out of Memory Error" in reasons["restarting"]
    wait_until(
        lambda: "store is restarting: status 1: " in run_command("status", "--state", installation.state, status=1), within_seconds=20
    )
    assert "Out of Memory Error" in log.read_text().splitlines()[-1]
