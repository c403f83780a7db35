"""Processes are started, watched, started again and stopped in order."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.waiting import wait_until

from headrace.errors import CommandError
from headrace.processes.installation import RunningProcess
from headrace.processes.supervisor import Service, Supervisor, created_at, is_alive, responds, stop_leftovers

IDLE = "import signal; signal.pause()"


def a_service(code: str = IDLE, *, name: str = "service", ready_url: str | None = None, ready_seconds: int = 10) -> Service:
    ready = partial(responds, ready_url) if ready_url else None
    return Service(name, (sys.executable, "-c", code), {}, ready, ready_seconds=ready_seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_service_is_ready_when_its_url_answers_200(tmp_path: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        supervisor = Supervisor(tmp_path)
        url = f"http://127.0.0.1:{server.server_port}"
        supervisor.start(a_service(name="good", ready_url=f"{url}/ready"))
        supervisor.start(a_service(name="slow", ready_url=f"{url}/other"))
        assert supervisor.is_ready("good")
        assert not supervisor.is_ready("slow")
        supervisor.stop(("good", "slow"))
        server.shutdown()


def test_a_service_that_ends_while_starting_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service("print('the port is taken'); raise SystemExit(3)", ready_url=f"http://127.0.0.1:{free_port()}/"))
    supervisor.children["service"].process.wait(10)
    with pytest.raises(CommandError, match=r"exited with status 3 while starting(?s:.*)the port is taken"):
        supervisor.is_ready("service")


def test_a_service_that_takes_too_long_is_reported(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service(ready_url=f"http://127.0.0.1:{free_port()}/", ready_seconds=0))
    with pytest.raises(CommandError, match="was not ready within 0 s"):
        supervisor.is_ready("service")
    supervisor.stop(("service",))


def test_a_crashed_process_is_restarted(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service())
    assert supervisor.is_ready("service")
    first = supervisor.children["service"].process
    first.kill()
    first.wait()
    assert supervisor.restart_dead() == ["service"]
    assert supervisor.children["service"].process.pid != first.pid
    assert supervisor.restart_dead() == []
    supervisor.stop(("service", "unknown"))


def test_a_crashing_service_is_restarted_forever_with_backoff(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service("print('the disk is full'); raise SystemExit(1)"))
    pauses = []
    for _ in range(8):
        child = supervisor.children["service"]
        child.process.wait(10)
        assert child.backoff_seconds == 0 or supervisor.restart_dead() == []
        assert child.backoff_seconds == 0 or child.running.last_end == "status 1: the disk is full"
        child.started -= child.backoff_seconds  # so much time has passed
        assert supervisor.restart_dead() == ["service"]
        pauses.append(supervisor.processes()["service"].backoff_seconds)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert supervisor.processes()["service"].last_end == "status 1: the disk is full"
    supervisor.stop(("service",))


LOGGED = json.dumps(
    {"event": "converter failed", "level": "error", "exception": "Traceback (most recent call last):\n  File\nOSError: no room"}
)
INFO = json.dumps({"event": "batches committed", "level": "info"})
RAISED = "Traceback (most recent call last):\n  File\n    raise\nduckdb.Error: out of memory\n\nPossible solutions:\n* less"


@pytest.mark.parametrize(
    ("written", "status", "last_end"),
    [
        ("", 1, "status 1"),
        (INFO, 1, "status 1"),
        ("salts.json is damaged", 2, "status 2: salts.json is damaged"),
        (f"{LOGGED}\n2 rows could not be committed", 1, "status 1: 2 rows could not be committed"),
        (f"{LOGGED}\n{INFO}", 1, "status 1: OSError: no room"),
        (f"{INFO}\n{RAISED}", 1, "status 1: duckdb.Error: out of memory"),
        (RAISED, -signal.SIGKILL, "SIGKILL"),
        ("", -(signal.SIGRTMIN + 1), f"signal {signal.SIGRTMIN + 1}"),
        ("x" * 900, 1, f"status 1: {'x' * 500}"),
        ("[1]", 1, "status 1: [1]"),
    ],
)
def test_the_end_of_a_process_is_described_by_its_true_last_error(written: str, status: int, last_end: str, tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    (tmp_path / "service.log").write_text("an error of the process before\n")
    end = f"sys.exit({status})" if status >= 0 else f"os.kill(os.getpid(), {-status})"
    supervisor.start(a_service(f"import os, sys; print({written!r}, flush=True); {end}"))
    supervisor.children["service"].process.wait(10)
    assert supervisor.restart_dead() == ["service"]
    assert supervisor.processes()["service"].last_end == last_end
    supervisor.stop(("service",))


def test_a_service_whose_log_was_deleted_is_restarted_as_any(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service("raise SystemExit(1)"))
    supervisor.children["service"].process.wait(10)
    (tmp_path / "service.log").unlink()
    assert supervisor.restart_dead() == ["service"]
    assert supervisor.processes()["service"].last_end == "status 1"
    supervisor.stop(("service",))


def test_a_process_that_crashes_after_a_long_time_is_restarted_at_once(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service("raise SystemExit(1)"))
    child = supervisor.children["service"]
    child.backoff_seconds, child.started = 30, child.started - 61
    child.process.wait(10)
    assert supervisor.restart_dead() == ["service"]
    assert supervisor.processes()["service"].backoff_seconds == 0
    supervisor.stop(("service",))


def test_a_service_that_does_not_stop_in_time_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.processes.supervisor.STOP_SECONDS", 0.2)
    supervisor = Supervisor(tmp_path)
    supervisor.start(a_service("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"))
    child = supervisor.children["service"]
    wait_until(lambda: "deaf" in child.log.read_text())
    supervisor.stop(("service",))
    assert child.process.returncode == -signal.SIGKILL


def test_a_process_left_behind_is_ended_but_never_another_with_its_number() -> None:
    with subprocess.Popen((sys.executable, "-c", IDLE)) as process:
        created = created_at(process.pid)
        assert stop_leftovers({"other": RunningProcess(process.pid, created - 100)}, ()) == []
        assert process.poll() is None
        assert stop_leftovers({"left": RunningProcess(process.pid, created)}, (("gone", "left"),)) == ["left"]
        assert not is_alive(RunningProcess(process.pid, created))
    assert created_at(process.pid) == 0
    assert is_alive(RunningProcess(os.getpid(), created_at(os.getpid())))
