"""Faults of the state folder are reported at once instead of failing later."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from headrace.errors import CommandError
from headrace.processes.installation import Run, RunningProcess, StateFolder

PORTS = {"collector": 1, "internal": 2, "sql": 3, "dashboards": 4, "shop": 5}


def a_run() -> Run:
    return Run(RunningProcess(1, 2.0), "127.0.0.1", PORTS, {"collector": RunningProcess(3, 4.0)})


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.prepare()
    first = state.secret("dashboards-password")
    assert len(first) >= 24
    assert state.secret("dashboards-password") == first
    assert stat.S_IMODE((state.secrets / "dashboards-password").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.secrets.stat().st_mode) == 0o700


def test_a_started_run_is_read_back(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    assert state.read_run() is None
    state.write_run(a_run())
    assert state.read_run() == a_run()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(CommandError, match="is a file, but must be a folder"):
        StateFolder(tmp_path / "var").prepare()
    with pytest.raises(CommandError, match="is a file"):
        StateFolder(tmp_path / "var").read_run()


def test_a_damaged_run_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"host": 1')
    with pytest.raises(CommandError, match=r"run\.json is damaged"):
        StateFolder(tmp_path).read_run()


def test_nothing_started_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing was started"):
        StateFolder(tmp_path).running()


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        StateFolder(Path("/proc/headrace")).prepare()


def test_a_disk_that_is_nearly_full_is_reported(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(CommandError, match="MiB free"):
        StateFolder(tmp_path).prepare(min_free_bytes=free * 2)


def test_one_folder_serves_one_process_at_a_time(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.prepare()
    lock = state.lock()
    with pytest.raises(CommandError, match=f"already up on .* \\(process {os.getpid()}\\)"):
        state.lock()
    os.close(lock)
    os.close(state.lock())


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_host_for_all_interfaces_is_shown_as_loopback(host: str) -> None:
    assert Run(RunningProcess(1, 2.0), host, PORTS).url("shop") == "http://127.0.0.1:5"


def test_local_services_are_checked_on_loopback_and_the_others_where_they_listen() -> None:
    run = Run(RunningProcess(1, 2.0), "192.0.2.7", PORTS)
    assert {name: run.url(name) for name in PORTS} == {
        "collector": "http://192.0.2.7:1",
        "internal": "http://127.0.0.1:2",
        "sql": "http://127.0.0.1:3",
        "dashboards": "http://192.0.2.7:4",
        "shop": "http://192.0.2.7:5",
    }
