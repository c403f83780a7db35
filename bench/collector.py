"""The collector's speed on one core, beside uvicorn's constant answer to the same requests in the same run.

`python -m bench.collector [--seconds N] [--rounds N]` needs wrk. The server runs on core 0, the load on core 1. Requests cycle over 200
distinct pages, agents and titles, half of them with parameters, about 1,000 bytes each on the wire; every answer counted is one whose
events are durable.
"""

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "bench" / "collector.wrk.lua"
SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS, BATCH_CONNECTIONS, DISTINCT, BATCH = 64, 16, 200, 50
RATE = 4500
TARGETS = {"ratio": 0.4, "p99 ms": 25.0, "batched events/s": 40_000.0, "RSS MB": 120.0}
BROWSERS = ("Chrome/{0}.0.0.0 Safari/537.36", "Gecko/20100101 Firefox/{0}.0", "Version/{0}.1 Safari/605.1.15", "Chrome/{0}.0 Edg/{0}.0")


async def constant(_scope: Any, receive: Any, send: Any) -> None:
    """Take the request and answer the same to all: what uvicorn costs by itself, as it comes."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"18")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"results":["ok"]}'})


def event(number: int, chance: random.Random) -> dict[str, Any]:
    """Make an event as the tracker sends it."""
    made = {
        "id": f"{chance.getrandbits(128):032x}",
        "type": "pageView" if number % 4 else "pageLeave",
        "created_at": time.time_ns() // 1_000_000 - number,
        "viewport_width": 1200 + number,
        "viewport_height": 720,
        "screen_width": 1920,
        "screen_height": 1080,
        "device_pixel_ratio": 1.5,
        "language": "en-GB",
        "time_zone": "Europe/London",
        "page_view_id": f"{chance.getrandbits(128):032x}",
        "referrer": f"https://search.example/results?q={number}",
        "url": f"https://shop.example/shoes/model-{number}?utm_source=letter&utm_medium=email&utm_campaign=week-{number}&size=9",
        "title": f"Model {number} - Shoes - The Shop",
    }
    return made | ({"parameters": {"sku": f"m-{number}", "price": number + 0.99, "in_stock": True}} if number % 2 else {})


def write_requests(path: Path, events: int) -> None:
    """Write distinct requests with so many events each."""
    chance = random.Random(1)
    with path.open("wb") as out:
        for number in range(DISTINCT):
            agent = f"Mozilla/5.0 (X11; Linux x86_64; build {number}) AppleWebKit/537.36 " + BROWSERS[number % 4].format(100 + number % 30)
            batch = [event((number + more) % DISTINCT, chance) for more in range(events)]
            body = msgspec.json.encode({"version": 1, "site": "shop", "sent_at": time.time_ns() // 1_000_000, "events": batch})
            out.write(agent.encode() + b"\t" + body + b"\n")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def server(command: list[str], port: int, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on its core until it has a port open."""
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), sys.executable, *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")} | settings,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_listening(port), within_seconds=20)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def collector(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    settings = {
        "PORT": str(port),
        "INTERNAL_PORT": str(free_port()),
        "TOPIC_DIRECTORY": str(directory / "topic"),
        "KEY_FILE": str(directory / "key"),
    }
    # A fresh topic with room: nothing reads it, and nothing is deleted, so that only the collector is measured.
    settings["MAX_UNREAD_BYTES"] = str(1 << 36)
    with server(["-m", "collector"], port, {f"HEADRACE_COLLECTOR_{name}": value for name, value in settings.items()}) as process:
        yield process, port
    shutil.rmtree(directory / "topic", ignore_errors=True)


@contextlib.contextmanager
def baseline() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    command = [
        "-m",
        "uvicorn",
        "bench.collector:constant",
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
    ]
    command += ["--log-level", "error", "--lifespan", "off"]
    with server(command, port, {}) as process:
        yield process, port


@dataclass(frozen=True, slots=True)
class Load:
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def wrk(port: int, requests: Path, connections: int, seconds: float) -> Load:
    """Send as fast as answers come."""
    command = [
        "taskset",
        "-c",
        str(LOAD_CORE),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "-s",
        str(SCRIPT),
        f"http://127.0.0.1:{port}/h",
    ]
    output = subprocess.run([*command, "--", str(requests)], capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    count, micros, p50, p99, failed = map(int, line.split()[1:])
    return Load(count / (micros / 1e6), p50 / 1000, p99 / 1000, failed)


async def open_loop(port: int, lines: list[bytes], rate: int, seconds: float) -> list[float]:
    """Send at a fixed rate whatever the answers do; latencies in ms from the moment a request was due."""
    texts = []
    for line in lines:
        agent, body = line.split(b"\t", 1)
        texts.append(
            b"POST /h HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
            % (agent, len(body), body)
        )
    idle: asyncio.Queue[_Sender] = asyncio.Queue()
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        _, sender = await loop.create_connection(lambda: _Sender(idle, latencies), "127.0.0.1", port)
        idle.put_nowait(sender)
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - time.perf_counter()) > 0.001:
            await asyncio.sleep(ahead)
        sender = idle.get_nowait() if not idle.empty() else await idle.get()
        sender.send(texts[number % DISTINCT], due)
    for _ in range(CONNECTIONS):  # every connection has its last answer
        await idle.get()
    return latencies


class _Sender(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, idle: "asyncio.Queue[_Sender]", latencies: list[float]) -> None:
        self._idle, self._latencies, self._due = idle, latencies, 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"}"):  # head and body can come apart
            assert data.startswith((b"HTTP/1.1 200", b"{")), data
            self._latencies.append((time.perf_counter() - self._due) * 1000)
            self._idle.put_nowait(self)


def paced(port: int, requests: Path, seconds: float) -> tuple[float, float, float]:
    """Run the open loop in a process of its own on the load's core; gives rate reached, p50 and p99."""
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.collector", "--paced", str(port), str(requests), str(seconds)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    reached, p50, p99 = map(float, output.split())
    return reached, p50, p99


def paced_child(port: int, requests: Path, seconds: float) -> None:
    began = time.perf_counter()
    latencies = sorted(uvloop.run(open_loop(port, requests.read_bytes().splitlines(), RATE, seconds)))
    taken = time.perf_counter() - began
    print(len(latencies) / taken, latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)])


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def measured(process: subprocess.Popen[bytes], port: int, requests: Path, connections: int, seconds: float) -> tuple[Load, float]:
    """Load a server; gives also the microseconds of processor time for each request, which neighbours disturb less."""
    before = cpu_seconds(process)
    load = wrk(port, requests, connections, seconds)
    return load, (cpu_seconds(process) - before) / (load.per_second * seconds) * 1e6


def run(seconds: float, rounds: int, directory: Path) -> None:
    single, batched = directory / "single", directory / "batched"
    write_requests(single, 1)
    write_requests(batched, BATCH)
    ratios, failed = [], 0
    with baseline() as plain, collector(directory) as ours:
        for server_and_port in (plain, ours):
            wrk(server_and_port[1], single, CONNECTIONS, 1)
        for number in range(rounds):  # turn and turn about: what else the machine does meets both
            constant_load, constant_cpu = measured(*plain, single, CONNECTIONS, seconds)
            durable, durable_cpu = measured(*ours, single, CONNECTIONS, seconds)
            ratios.append(durable.per_second / constant_load.per_second)
            failed += constant_load.failed + durable.failed
            print(f"round {number + 1}: constant answer {_shown(constant_load)}, {constant_cpu:.0f} µs of processor each")
            print(f"         single events, durable {_shown(durable)}, {durable_cpu:.0f} µs; ratio {ratios[-1]:.2f}", flush=True)
    with collector(directory) as (process, port):
        wrk(port, batched, BATCH_CONNECTIONS, 1)
        batches, batch_cpu = measured(process, port, batched, BATCH_CONNECTIONS, 2 * seconds)
        reached, p50, p99 = paced(port, single, 2 * seconds)
        rss = psutil.Process(process.pid).memory_info().rss / 1e6
    print(f"batches of {BATCH}: {_shown(batches)} batches, {batch_cpu / BATCH:.0f} µs of processor an event")
    print(f"fixed rate {RATE}/s, {CONNECTIONS} connections: reached {reached:.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    found = {"ratio": statistics.median(ratios), "p99 ms": p99, "batched events/s": batches.per_second * BATCH, "RSS MB": rss}
    for name, value in found.items():
        print(f"{name:>18}: {value:,.2f}  (target {'>=' if name in ('ratio', 'batched events/s') else '<'} {TARGETS[name]:,g})")
    print(f"{'failed requests':>18}: {failed + batches.failed}")


def _shown(load: Load) -> str:
    return f"{load.per_second:,.0f}/s, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--paced", nargs=3, metavar=("PORT", "FILE", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paced:
        port, requests, seconds = options.paced
        paced_child(int(port), Path(requests), float(seconds))
        return
    (ROOT / "var").mkdir(exist_ok=True)  # the disk that the topic would be on
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix="bench-") as directory:
        run(options.seconds, options.rounds, Path(directory))


if __name__ == "__main__":
    main()
