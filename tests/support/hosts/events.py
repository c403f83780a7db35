"""Events under load: what hosts acknowledged, and the rows that became of it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from support.hosts import network
from support.hosts.folders import HERE, RUN
from support.hosts.host import Host
from support.hosts.processes import start
from support.hosts.testbed import DOMAIN, Testbed
from support.waiting import wait_until

PROGRAMS: Final = HERE / "programs"


class Load:
    """The client's results, complete once it has ended."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.acknowledged: list[str] = []
        self.lost: list[str] = []
        self.retries: dict[str, int] = {}
        self.latency: dict[str, float] = {}

    def wait_for_events(self, count: int) -> None:
        """Return when this many more events are acknowledged."""
        target = self._count() + count
        wait_until(lambda: self._count() >= target, within_seconds=60, every_seconds=0.3)

    def _count(self) -> int:
        lines = self._log.read_text().split("\n")[:-1]
        return int(lines[-1]) if lines else 0

    def describe(self) -> str:
        """Return one line for the end of the run."""
        latency = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in self.latency.items())
        return f"{len(self.acknowledged)} acknowledged, {len(self.lost)} lost, retries {self.retries}, {latency}"


@contextmanager
def load(testbed: Testbed, *, rate: float) -> Iterator[Load]:
    """Send events at this rate to all edge hosts while the body runs."""
    log = RUN / "load.log"
    arguments = (
        *("--rate", str(rate), "--authority", str(testbed.authority.certificate), "--domain", DOMAIN),
        *("--sources", *network.CLIENT_IPS, "--hosts", *(host.ip for host in testbed.hosts)),
    )
    process = start((sys.executable, PROGRAMS / "load_client.py", *arguments), log, namespace=network.CONTROL)
    result = Load(log)
    try:
        yield result
        process.terminate()
        process.wait(120)
    finally:
        process.kill()
        process.wait()
    _read(result, process, log)


def _read(result: Load, process: subprocess.Popen[bytes], log: Path) -> None:
    output = log.read_text()
    assert process.returncode == 0, output[-3000:]
    for name, value in json.loads(output.splitlines()[-1]).items():
        setattr(result, name, value)


def container(host: Host, service: str) -> str:
    """Return the id of the running container of a service on this host; empty if there is none."""
    return host.run("docker", "ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name=headrace_{service}").partition("\n")[0]


def rows(testbed: Testbed, program: str = "row_ids.py") -> Counter[str]:
    """Return how many rows each event id has, as a program in the container of a forwarder finds them: by default on Kafka."""
    for host in testbed.hosts:
        forwarder = host.is_on and container(host, "forwarder")
        if forwarder:
            output = host.run("docker", "exec", "--interactive", forwarder, "python", "-", stdin=(PROGRAMS / program).read_text())
            return Counter(output.split())
    raise AssertionError("no host runs a forwarder")


def check_one_row_each(
    testbed: Testbed, result: Load, *, read_rows: Callable[[Testbed], Counter[str]] = rows, within_seconds: float = 120
) -> None:
    """Assert that every acknowledged event becomes exactly one row, on Kafka or where `read_rows` finds them."""
    assert result.acknowledged
    assert not result.lost, result.describe()
    found: Counter[str] = Counter()

    def has_all_rows() -> bool:
        """Every acknowledged event has a row."""
        found.clear()
        found.update(read_rows(testbed))
        return all(event_id in found for event_id in result.acknowledged)

    wait_until(has_all_rows, within_seconds=within_seconds, every_seconds=3)
    assert [event_id for event_id in result.acknowledged if found[event_id] != 1] == []
