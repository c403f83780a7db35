"""The collector's throughput on one core, compared with a constant response of uvicorn and nginx in the same run.

`python -m bench.collector [--seconds N] [--rounds N]` needs wrk; nginx (its `empty_gif`) and go (for the fixed rate) are skipped if
they are not installed. The server runs on core 0, the load generator on core 1. The servers alternate, so that other load on the machine
affects all of them. A response of the collector counts only if its events are durable.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.ports import free_ports
from support.waiting import wait_until

from bench.collector_requests import BATCH, DISTINCT, JSON_BATCH, divolte_get, json_batch, tracker_batch, tracker_post, write_requests
from collector.endpoints.divolte_tag import GIF, HEADERS
from collector.sources import FILE

ROOT = Path(__file__).resolve().parents[1]
SCRIPT, OPEN_LOOP = ROOT / "bench" / "collector.wrk.lua", ROOT / "bench" / "openloop.go"
SERVER_CORE, LOAD_CORE = "0", "1"
BATCH_CONNECTIONS, RATE = 16, 8000
JSON_SOURCE = '\n[json]\nkind = "divolte_json"\nevent_path = "/json"\n'
NGINX = """worker_processes 1; daemon off; pid nginx.pid; error_log error.log;
events {{ worker_connections 1024; }}
http {{ access_log access.log combined; keepalive_requests 1000000000; client_body_temp_path body;
  server {{ listen 127.0.0.1:{port}; location /csc-event {{ empty_gif; }} }} }}
"""
MEANINGS = {
    "uvicorn": "a constant response, nothing is read",
    "nginx": "a constant response, and an unsynced log line",
    "collector": "the event is validated, mapped, encoded and on disk",
}
Running = tuple[subprocess.Popen[bytes], int]


async def constant(scope: Any, receive: Any, send: Any) -> None:
    """Send a constant response: the cost of uvicorn itself with its default settings."""
    if scope["method"] == "GET":
        headers, body = [*HEADERS, (b"content-length", b"37")], GIF
    else:
        while (await receive()).get("more_body"):
            pass
        headers, body = [(b"content-type", b"application/json"), (b"content-length", b"18")], b'{"results":["ok"]}'
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def server(command: list[str], port: int, settings: dict[str, str] | None = None) -> Iterator[Running]:
    """Run a server on the server's core."""
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")} | (settings or {}),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_listening(port), within_seconds=20)
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def collector(directory: Path) -> Iterator[Running]:
    """Run the collector on a new topic without consumers and with enough space, so that only the collector is measured."""
    port, internal_port = free_ports(2)
    sources = directory / "sources.toml"
    sources.write_text(FILE.read_text("utf-8") + JSON_SOURCE, "utf-8")
    settings = {
        "PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "TOPIC_DIRECTORY": str(directory / "topic"),
        "KEY_FILE": str(directory / "key"),
        "SOURCES_FILE": str(sources),
        "MAX_UNREAD_BYTES": str(1 << 36),
    }
    # Active but never reached: the load comes from one network, which is not a trusted proxy.
    settings |= {"RATE_PER_SECOND": str(1 << 20), "BYTES_PER_MINUTE": str(1 << 40), "TRUSTED_PROXIES": "192.0.2.1"}
    with server([sys.executable, "-m", "collector"], port, {f"HEADRACE_COLLECTOR_{name}": text for name, text in settings.items()}) as run:
        yield run
    shutil.rmtree(directory / "topic", ignore_errors=True)


def baseline() -> contextlib.AbstractContextManager[Running]:
    """Run uvicorn with a constant response."""
    (port,) = free_ports(1)
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error", "--lifespan", "off"]
    return server([sys.executable, "-m", "uvicorn", "bench.collector:constant", "--port", str(port), *options], port)


def nginx(directory: Path) -> contextlib.AbstractContextManager[Running]:
    """Run nginx with its constant GIF."""
    (port,) = free_ports(1)
    (directory / "nginx.conf").write_text(NGINX.format(port=port), "utf-8")
    return server(["nginx", "-p", str(directory), "-e", "error.log", "-c", "nginx.conf"], port)


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a load; `cpu_us` is the server's CPU time per response, which other processes affect less."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float

    def __str__(self) -> str:
        cpu = f", {self.cpu_us:.0f} µs of processor each" if self.cpu_us else ""
        return f"{self.per_second:8,.0f}/s, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms{cpu}"


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds of a process and its children."""
    root = psutil.Process(process.pid)
    return sum(times.user + times.system for times in (one.cpu_times() for one in (root, *root.children())))


def wrk(running: Running, requests: Path, connections: int, seconds: float) -> Load:
    """Send a request as soon as the previous response has arrived."""
    process, port = running
    options = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"]
    before = cpu_seconds(process)
    output = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", *options, "--", str(requests)], capture_output=True, text=True, check=True
    ).stdout
    count, micros, p50, p99, failed = map(int, output.partition("RESULT")[2].split())
    return Load(count / micros * 1e6, p50 / 1000, p99 / 1000, failed, (cpu_seconds(process) - before) / count * 1e6)


def fixed_rate(running: Running, requests: Path, directory: Path, seconds: float) -> Load:
    """Send at a fixed rate, independent of the responses."""
    program = directory / "openloop"
    subprocess.run(["go", "build", "-o", program, OPEN_LOOP], check=True)
    command = ["taskset", "-c", LOAD_CORE, str(program), f"127.0.0.1:{running[1]}", str(requests), str(RATE), "64", str(seconds)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    reached, p50, p99, failed = map(float, output.split()[1:])
    return Load(reached, p50, p99, int(failed), 0)


@dataclass(slots=True)
class Findings:
    """The results, compared with the targets."""

    lines: list[tuple[str, float, str, float]] = field(default_factory=list)
    failed: int = 0

    def add(self, name: str, value: float, comparison: str, target: float) -> None:
        self.lines.append((name, value, comparison, target))

    def print(self) -> None:
        for name, value, comparison, target in self.lines:
            print(f"{name:>34}: {value:10,.2f}  (target {comparison} {target:,g})")
        print(f"{'failed requests':>34}: {self.failed}")


def compare(servers: dict[str, Running], requests: Path, connections: int, seconds: float, rounds: int, findings: Findings) -> float:
    """Load the servers alternately; return the median ratio of the collector's rate to uvicorn's."""
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for running in servers.values():
        wrk(running, requests, connections, 1)
    for _ in range(rounds):
        for name, running in servers.items():
            loads[name].append(wrk(running, requests, connections, seconds))
    for name, found in loads.items():
        print(f"{connections:4} connections, {name:>9}: {sorted(found, key=lambda load: load.per_second)[rounds // 2]}; {MEANINGS[name]}")
        findings.failed += sum(load.failed for load in found)
    ratios = [ours.per_second / constant.per_second for ours, constant in zip(loads["collector"], loads["uvicorn"], strict=True)]
    by_processor = sum(load.cpu_us for load in loads["uvicorn"]) / sum(load.cpu_us for load in loads["collector"])
    print(f"     ratios to uvicorn: {' '.join(f'{ratio:.2f}' for ratio in ratios)}; by processor time {by_processor:.2f}", flush=True)
    return statistics.median(ratios)


def run(seconds: float, rounds: int, distinct: int, directory: Path) -> None:
    findings = Findings()
    gets = write_requests(directory / "gets", divolte_get, distinct)
    posts = write_requests(directory / "posts", tracker_post, distinct)
    with contextlib.ExitStack() as stack:
        servers = {"uvicorn": stack.enter_context(baseline()), "collector": stack.enter_context(collector(directory))}
        print("events of the tracker, POST:")
        ratio = compare(servers, posts, 64, seconds, rounds, findings)
        findings.add("tracker's POST, ratio at 64", ratio, ">=", 0.4)
        if shutil.which("nginx"):
            servers["nginx"] = stack.enter_context(nginx(directory))
        else:
            print("nginx is not installed: left out")
        print("events of Divolte's tag, GET:")
        for connections, target in ((64, 0.6), (256, 0.9)):
            ratio = compare(servers, gets, connections, seconds, rounds, findings)
            findings.add(f"Divolte's GET, ratio at {connections}", ratio, ">=", target)
    with collector(directory) as ours:
        measure(ours, directory, gets, seconds, findings)
    findings.print()


def measure(ours: Running, directory: Path, gets: Path, seconds: float, findings: Findings) -> None:
    """Measure the cases without a counterpart."""
    if shutil.which("go"):
        paced = fixed_rate(ours, gets, directory, 2 * seconds)
        print(f"fixed rate of {RATE:,}/s, 64 connections: {paced}")
        findings.add(f"p99 ms at {RATE:,}/s", paced.p99_ms, "<", 10)
        findings.failed += paced.failed
    else:
        print("go is not installed: no fixed rate")
    batches: tuple[tuple[str, Callable[..., bytes], int, float], ...] = (
        ("tracker's batches", tracker_batch, BATCH, 40_000),
        ("server's batches", json_batch, JSON_BATCH, 80_000),
    )
    for name, make, size, target in batches:
        requests = write_requests(directory / "batches", make)
        wrk(ours, requests, BATCH_CONNECTIONS, 1)
        load = wrk(ours, requests, BATCH_CONNECTIONS, 2 * seconds)
        print(f"{name} of {size}, {BATCH_CONNECTIONS} connections: {load}, {load.cpu_us / size:.1f} µs an event")
        findings.add(f"{name} of {size}, events/s", load.per_second * size, ">=", target)
        findings.failed += load.failed
    findings.add("RSS MB", psutil.Process(ours[0].pid).memory_info().rss / 1e6, "<", 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--distinct", type=int, default=DISTINCT, help="requests that are sent in turn: the more, the less can be remembered"
    )
    options = parser.parse_args()
    (ROOT / "var").mkdir(exist_ok=True)  # on the disk of a real topic
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix="bench-") as directory:
        run(options.seconds, options.rounds, options.distinct, Path(directory))


if __name__ == "__main__":
    main()
