"""The bytes that one network can store, and the reserve on a disk that other programs fill."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from support.collector.collectors import RunningCollector, a_body, an_event, collector_running, start_process
from support.collector.wire import Wire, a_request
from support.topics.in_memory import read_all
from support.waiting import wait_until

from headrace.processes.supervisor import responds

MIB = 1 << 20
ALLOWED = 2 * MIB


def send(collector: RunningCollector, bodies: list[bytes], client: str = "203.0.113.9") -> Counter[tuple[int, str]]:
    """Send bodies on one connection; count the answers by status and reason."""
    with Wire(collector.port) as wire:
        answers = [wire.send(a_request(body, b"X-Forwarded-For: " + client.encode())).answer() for body in bodies]
    return Counter((answer.status, answer.json.get("reason", "")) for answer in answers)


def wide(number: int) -> bytes:
    return a_body(*(an_event(100 * number + at, parameters={"text": "x" * 7000}) for at in range(20)))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "topic").glob("*.segment"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_network_has_a_limit_of_bytes_per_minute_and_its_neighbours_have_their_own(tmp_path: Path, workers: int) -> None:
    with collector_running(tmp_path, bytes_per_minute=ALLOWED // workers, workers=workers) as collector:
        assert send(collector, [wide(number) for number in range(60)])[429, "too_many_bytes"] > 30
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.segment")) < ALLOWED * 1.3
        assert send(collector, [wide(61)], client="203.0.114.9") == {(200, ""): 1}
        assert responds(f"{collector.internal_url}/health/ready")


def test_rejections_are_charged_as_they_are_stored(tmp_path: Path) -> None:
    refused = a_body(*({"id": "no"} for _ in range(50)))
    with collector_running(tmp_path, bytes_per_minute=100_000) as collector:
        answers = send(collector, [refused] * 60)
        assert answers[429, "too_many_bytes"] > 30
        assert 100_000 <= size(tmp_path) < 130_000


def test_below_the_reserve_events_are_sent_away_and_health_says_so(tmp_path: Path) -> None:
    with collector_running(tmp_path) as collector:
        assert send(collector, [wide(1)]) == {(200, ""): 1}
    process = start_process(tmp_path, disk_reserve_bytes=1 << 60)
    assert process.stdout is not None
    started = next(entry for line in process.stdout if (entry := json.loads(line))["event"] == "collector started")
    collector = RunningCollector(tmp_path, process, started["port"], started["internal_port"])
    try:
        assert send(collector, [wide(2)]) == {(503, "unavailable"): 1}
        answer = httpx.get(f"{collector.internal_url}/health/ready", trust_env=False)
        assert (answer.status_code, "kept in reserve" in answer.json()["message"]) == (503, True)
        assert len(read_all(tmp_path / "topic")) == 20
    finally:
        assert collector.stop() == 0


class Disk:
    """A disk that a test resizes: a tmpfs in the mount namespace of a shell, which other processes reach through the shell's root."""

    def __init__(self, shell: subprocess.Popen[str], folder: Path) -> None:
        self._shell, self._folder = shell, folder
        self.folder = Path(f"/proc/{shell.pid}/root{folder}")

    def mount(self, options: str) -> bool:
        """Mount it, or with the option `remount` change it; return whether it could be done."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with suppress(BrokenPipeError):  # the shell could not be started
            self._shell.stdin.write(f"mount -t tmpfs -o {options} tmpfs '{self._folder}'; echo $?\n")
            self._shell.stdin.flush()
        return self._shell.stdout.readline() == "0\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 48 MiB. A user that may not mount anything is root in a user namespace."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = "unshare --mount true && exec unshare --mount sh; exec unshare --map-root-user --mount sh"
    with subprocess.Popen(
        ("sh", "-c", command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as shell:
        disk = Disk(shell, folder)
        if not disk.mount("size=48m"):
            # Only a disk of its own can be filled without harm, and some systems let nobody but root make one. CI runs as root.
            assert os.geteuid() != 0, "root can mount nothing here: the container needs the capability SYS_ADMIN"
            pytest.skip("the system allows this user neither mounts nor user namespaces")
        yield disk


def test_a_disk_that_fills_is_left_its_reserve_and_what_is_freed_opens_the_collector_again(disk: Disk) -> None:
    with collector_running(disk.folder, disk_reserve_bytes=16 * MIB, bytes_per_minute=0, rate_per_second=0) as collector:

        def is_ready() -> bool:
            return responds(f"{collector.internal_url}/health/ready")

        answers = send(collector, [wide(number) for number in range(400)])
        assert answers[503, "unavailable"] > 100
        free = os.statvfs(disk.folder)
        assert free.f_bavail * free.f_frsize > 13 * MIB  # it is asked after each MiB
        assert not is_ready()
        stored = len(read_all(disk.folder / "topic"))
        assert stored == 20 * answers[200, ""]
        assert disk.mount("remount,size=96m")
        wait_until(is_ready)
        assert send(collector, [wide(1)]) == {(200, ""): 1}
