"""The services of one machine: where each reports its readiness, and the order in which they stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from headrace.engines.services import STOP_ORDER as ENGINES_STOP_ORDER
from headrace.processes.supervisor import not_ready_reason

SITE: Final = "shop"
DASHBOARD: Final = "/superset/dashboard/clickstream/"


@dataclass(frozen=True, slots=True)
class LocalService:
    """A service as every installation has it."""

    name: str
    port: str = ""  # name of the port that reports readiness; a service without one is ready when it runs
    ready_path: str = "/health/ready"
    ready_seconds: int = 60

    def not_ready_reason(self, url: Callable[[str], str]) -> str:
        """Return the not-ready reason of the service, whose ports have these URLs; empty when it is ready."""
        return not_ready_reason(url(self.port) + self.ready_path) if self.port else ""


# In stop order: senders before receivers.
SERVICES: Final[Mapping[str, LocalService]] = {
    service.name: service
    for service in (
        LocalService("visits"),
        LocalService("shop", "shop", "/"),
        LocalService("dashboards", "dashboards", "/health", ready_seconds=180),
        LocalService("collector", "internal"),
        LocalService("forwarder", "forwarder"),
        LocalService("converter", "converter"),
        LocalService("store", "sql"),
    )
}
STOP_ORDER: Final = (*((name,) for name in SERVICES), *ENGINES_STOP_ORDER)
