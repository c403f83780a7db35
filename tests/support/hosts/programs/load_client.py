"""Events at a steady rate over a bounded number of TLS connections; one that fails is sent again to the next host.

A program of its own: it runs in the control namespace until SIGTERM, then prints its results as JSON.
"""

import argparse
import asyncio
import itertools
import json
import signal
import ssl
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

CONNECTIONS = 64
MAX_ATTEMPTS = 60
MAX_SECONDS = 900
CONNECT_SECONDS = 3
RESPONSE_SECONDS = 5
RETRY_SECONDS = 0.2
REJECTIONS = (400, 403, 404, 413, 422)  # the same at every host
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Results:
    """The fate of each event."""

    acknowledged: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def as_json(self) -> str:
        seconds = sorted(self.seconds) or [0.0]
        latency = {"p50": seconds[len(seconds) // 2], "p99": seconds[int(len(seconds) * 0.99)], "max": seconds[-1]}
        return json.dumps({"acknowledged": self.acknowledged, "lost": self.lost, "retries": self.retries, "latency": latency})


class Client:
    """One browser: a network of its own, and one connection at a time."""

    def __init__(self, local_ip: str, hosts: list[str], domain: str, tls: ssl.SSLContext) -> None:
        self._local_ip = local_ip
        self._hosts = itertools.cycle(hosts)
        self._domain = domain
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, results: Results) -> None:
        """Send one event until a host acknowledges it."""
        began, event_id, now = time.monotonic(), uuid.uuid4().hex, int(time.time() * 1000)
        event = {"id": event_id, "type": "pageView", "created_at": now, "url": "https://shop.example/load"}
        body = json.dumps({"version": 1, "site": "shop", "sent_at": now, "events": [event]}).encode()
        for _ in range(MAX_ATTEMPTS):
            try:
                status = await self._post(body)
            except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as error:
                await self._close()
                results.retries[type(error).__name__] += 1
            else:
                if status < 300:
                    results.acknowledged.append(event_id)
                    results.seconds.append(time.monotonic() - began)
                    return
                await self._close()
                results.retries[str(status)] += 1
                if status in REJECTIONS:
                    break
            await asyncio.sleep(RETRY_SECONDS)
        results.lost.append(event_id)

    async def _post(self, body: bytes) -> int:
        if self._streams is None:
            connection = asyncio.open_connection(
                next(self._hosts), 443, ssl=self._tls, server_hostname=self._domain, local_addr=(self._local_ip, 0)
            )
            self._streams = await asyncio.wait_for(connection, CONNECT_SECONDS)
        reader, writer = self._streams
        head = f"POST /h HTTP/1.1\r\nHost: {self._domain}\r\nContent-Type: application/json\r\nUser-Agent: {BROWSER}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await asyncio.wait_for(self._read_response(reader), RESPONSE_SECONDS)

    async def _read_response(self, reader: asyncio.StreamReader) -> int:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            await self._close()
        return int(lines[0].split()[1])

    async def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def rotated(hosts: list[str], by: int) -> list[str]:
    """Return the hosts in a ring, starting at another one for each client."""
    start = by % len(hosts)
    return hosts[start:] + hosts[:start]


async def work(client: Client, queue: asyncio.Queue[None], results: Results) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            await queue.get()
            await client.send(results)
            queue.task_done()


async def report(results: Results) -> None:
    """Print the number of acknowledged events, again and again."""
    with suppress(asyncio.CancelledError):
        while True:
            print(len(results.acknowledged), flush=True)
            await asyncio.sleep(0.5)


async def main(arguments: argparse.Namespace) -> None:
    tls = ssl.create_default_context(cafile=arguments.authority)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    queue: asyncio.Queue[None] = asyncio.Queue(CONNECTIONS)  # the rate falls while every connection waits
    results = Results()
    first_hosts = [rotated(arguments.hosts, number) for number in range(CONNECTIONS)]
    sources = itertools.cycle(arguments.sources)
    clients = [Client(next(sources), hosts, arguments.domain, tls) for hosts in first_hosts]
    workers = [asyncio.create_task(work(client, queue, results)) for client in clients]
    workers.append(asyncio.create_task(report(results)))
    began = time.monotonic()
    for number in range(int(arguments.rate * MAX_SECONDS)):
        if stop.is_set():
            break
        await asyncio.sleep(max(0.0, began + number / arguments.rate - time.monotonic()))
        await queue.put(None)
    await queue.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers)
    print(results.as_json())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--domain", required=True)
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--hosts", nargs="+", required=True)
    asyncio.run(main(parser.parse_args()))
