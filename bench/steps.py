"""The cost in µs of each step for an event of Divolte's tag: the mean over the requests of `bench.collector`, the best of some passes."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.collector.collectors import LocalCollector
from uvicorn import Config

from bench.collector_requests import divolte_get, write_requests
from collector.divolte.checksum import canonical_text, is_corrupt
from collector.divolte.identifiers import canonical
from collector.divolte.query import read_query
from collector.events.duplicates import DuplicateMemory, event_digest
from collector.http.limits import Limits
from collector.http.port_state import PortState
from collector.http.protocol import Connection
from collector.requests.client import read_client_info
from collector.requests.client_ip import ClientIpResolver
from collector.requests.http_types import Request, header_fields
from collector.settings import Settings
from mapping.operations.base36 import number36
from topics.local.frame import encode
from topics.local.writer import LocalTopic

PASSES = 7


def show(name: str, step: Callable[[Any], object], inputs: Sequence[Any], passes: int) -> None:
    """Print the cost of a step."""
    best = float("inf")
    for _ in range(passes):
        began = time.perf_counter()
        for one in inputs:
            step(one)
        best = min(best, (time.perf_counter() - began) / len(inputs))
    print(f"{name:>46}: {best * 1e6:6.2f}", flush=True)


class NoTransport(asyncio.Transport):
    """A transport that discards its data."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


def split(requests: Iterable[bytes]) -> list[Request]:
    """Parse requests from raw bytes."""
    found = []
    for request in requests:
        head, *lines = request.removesuffix(b"\r\n\r\n").split(b"\r\n")
        query = head.split(b" ")[1].partition(b"?")[2]
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        found.append(Request.of("GET", "/csc-event", query, headers, "127.0.0.1", b""))
    return found


async def run(directory: Path, passes: int) -> None:
    raw = write_requests(directory / "gets", divolte_get).read_bytes().split(b"\0")
    requests = split(raw)
    collector = LocalCollector()
    source: Any = collector.app.public.events["/csc-event"]._source
    client_ips, memory = ClientIpResolver(Settings().trusted_proxies), DuplicateMemory(1 << 20)
    queries = [read_query(request.query) for request in requests]
    now = time.time_ns() // 1_000_000
    messages = [message for request in requests for message in source.handle(request, now).messages]

    def check(query: Any) -> object:
        return is_corrupt(query, canonical_text(query), is_strict=False)

    def identify(query: Any) -> object:
        return canonical(query.first["p"]), canonical(query.first["s"]), number36(query.first["c"])

    def remember(query: Any) -> object:
        return memory.check_and_add(event_digest(query.first["p"], query.first["s"], query.first["e"]))

    def send(request: Request) -> object:
        fields = header_fields(request.headers)  # an intake has the client IP before its source needs it
        request.client_ip = client_ips.resolve(request.peer or "", fields.get(b"x-forwarded-for", b""))
        return read_client_info(request, honors_opt_out=True)

    show("read the query", lambda request: read_query(request.query), requests, passes)
    show("check the checksum", check, queries, passes)
    show("read identifiers and time", identify, queries, passes)
    show("look for duplicates", remember, queries, passes)
    show("read who sent it", send, requests, passes)
    show("the source's whole way to messages", lambda request: source.handle(request, now), requests, passes)
    show("frame a message", encode, messages, passes)
    topic = LocalTopic.open(directory / "topic", on_failure=print)
    show("append a message to the topic", lambda message: topic.append([message]), messages, passes)
    topic.close()
    connection = Connection(
        Config(collector.app.public.fallback, log_config=None),
        PortState(collector.app.public, Limits.of(Settings()), collector.app.metrics, ()),
        {},
    )
    intake = collector.app.public.events["/csc-event"]
    answer = source.handle(requests[0], now).response
    intake.receive = lambda _, respond, __=None: respond(answer)  # type: ignore[method-assign, assignment]
    connection.connection_made(NoTransport())
    show("protocol: parse a request, write its answer", connection.data_received, raw, passes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=PASSES)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), parser.parse_args().passes))


if __name__ == "__main__":
    main()
