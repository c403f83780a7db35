"""The ports of our services: those that trust their callers (SQL, the collector's internal one, probes), and the public ones."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.collector.collectors import collector_running
from support.headrace.store_process import a_store
from support.simulator import shop_running
from support.waiting import wait_until

from headrace.processes.supervisor import responds
from startup.port_guard import PortGuard
from startup.probes import Probes


@dataclass(frozen=True, slots=True)
class Port:
    """A port, and its paths to read or write."""

    number: int
    paths: tuple[str, ...]
    posts: tuple[str, ...]
    metric: str = ""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.number}{path}"

    def refused(self, reason: str) -> float:
        """Return the number of requests that the port counts as denied for a reason."""
        _, text = exchange(self.number, b"GET /metrics HTTP/1.0\r\n\r\n")
        families = [family for family in text_string_to_metric_families(text.decode()) if family.name == self.metric]
        return sum(sample.value for family in families for sample in family.samples if sample.labels == {"reason": reason})


def exchange(port: int, request: bytes) -> tuple[int, bytes]:
    """Send a request as it is; the status and the body."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(request)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@contextmanager
def ports_running(folder: Path) -> Iterator[dict[str, Port]]:
    """Run a service of each kind until the end of the block."""
    with collector_running(folder / "collector") as collector, shop_running(collector.url) as shop, a_store(folder) as (_, url):
        probes = Probes("127.0.0.1", 0, PortGuard("HEADRACE_SAMPLE_ALLOWED_HOSTS"), not_ready_reason=str, metrics=lambda: b"")
        sql = int(url.split(":")[2].split("/")[0])
        wait_until(lambda: responds(f"http://127.0.0.1:{sql}/status/health"), within_seconds=30)
        counted = "clickstream_port_refused_requests"
        posts = ("/druid/v2/sql", "/druid/v2/sql/", "/dead-letters/replay", "/rows/delete")
        with closing(probes):
            yield {
                "sql": Port(sql, ("/status", "/status/health", "/health/ready", "/dead-letters?limit=100", "/metrics"), posts, counted),
                "internal": Port(
                    collector.internal_port,
                    ("/ledger", "/warnings", "/metrics", "/health/ready", "/health/live"),
                    ("/h",),
                    "clickstream_collector_refused_requests",
                ),
                "public": Port(collector.port, ("/headrace.js",), ("/h",)),
                "shop": Port(int(shop.url.rpartition(":")[2]), ("/", "/about", "/headrace.js"), ("/h",)),
                "probes": Port(probes.port, ("/metrics", "/health/ready", "/health/live"), (), counted),
            }
