"""Which processes make up headrace on one machine, and how each is started."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from headrace import sql_token
from headrace.engines.services import STOP_ORDER as ENGINES_STOP_ORDER
from headrace.engines.services import Engines
from headrace.errors import CommandError
from headrace.local.kafka_druid import KafkaDruid
from headrace.processes.installation import LOOPBACK, PUBLIC, StateFolder, base_url
from headrace.processes.startup_stages import Stage
from headrace.processes.supervisor import Service, responds

PROJECT = Path(__file__).resolve().parents[2]
SUPERSET = PROJECT / "superset"
SUPERSET_ENVIRONMENT = PROJECT / ".venv-superset"
SITE = "shop"
DASHBOARD = "/superset/dashboard/clickstream/"
# Whoever sends before whoever receives; one after the other, what stands together at once.
STOP_ORDER = (("visits",), ("shop",), ("dashboards",), ("collector",), ("forwarder",), ("converter", "store"), *ENGINES_STOP_ORDER)
PORT_OPTIONS = {
    "collector": "--collector-port",
    "internal": "--collector-port (its internal port is the next one)",
    "forwarder": "--collector-port (the forwarder's is the second after it)",
    "converter": "--collector-port (the converter's is the third after it)",
    "sql": "--sql-port",
    "dashboards": "--dashboards-port",
    "shop": "--shop-port",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start, where, on which ports."""

    state: StateFolder
    host: str
    ports: dict[str, int]  # by service; internal is the collector's second, sql that of the store or of Druid's broker
    dashboards: bool
    visits: bool
    visits_per_minute: int
    sites: tuple[str, ...] = ()  # whose events are taken beside the demo's; any, if none is named
    sql_token_file: Path | None = None
    engines: Engines | None = None  # Kafka and Druid; without them a file of DuckDB

    def on_druid(self, engines: Engines) -> Self:
        """Give the same plan with Kafka and Druid in the place of DuckDB."""
        further = {"sql": engines.ports.broker, "forwarder": self.ports["collector"] + 2, "converter": self.ports["collector"] + 3}
        return replace(self, engines=engines, sql_token_file=None, ports=self.ports | further | engines.ports.without_broker())

    def url(self, name: str) -> str:
        """Give the base address of a service by the name of its port."""
        return base_url(name, self.host, self.ports)

    def ports_to_check(self) -> dict[str, int]:
        """Give the ports that will be listened on."""
        return {name: port for name, port in self.ports.items() if self.dashboards or name != "dashboards"}

    def host_of(self, name: str) -> str:
        """Give the address that a service listens on, by the name of its port."""
        return self.host if name in PUBLIC else LOOPBACK

    def stages(self) -> Iterator[Stage]:
        """Give the services in the order in which they are started."""
        front = (self._collector(), *((self._dashboards(),) if self.dashboards else ()), self._shop())
        if self.engines is None:
            yield Stage((self._store(), *front))
        else:
            stack = KafkaDruid(self.state, self.ports, self.engines)
            yield Stage((*stack.engine_services(), *front), stack.apply)
            yield Stage((stack.forwarder(), stack.converter()))

    def _collector(self) -> Service:
        return Service(
            "collector",
            (sys.executable, "-m", "collector"),
            {
                "HEADRACE_COLLECTOR_HOST": self.host,
                "HEADRACE_COLLECTOR_PORT": str(self.ports["collector"]),
                "HEADRACE_COLLECTOR_INTERNAL_PORT": str(self.ports["internal"]),
                "HEADRACE_COLLECTOR_TOPIC_DIRECTORY": str(self.state.topic),
                "HEADRACE_COLLECTOR_KEY_FILE": str(self.state.secrets / "partition-key"),
                **({"HEADRACE_COLLECTOR_SITES": ",".join((SITE, *self.sites))} if self.sites else {}),
            },
            partial(responds, self.url("internal") + "/health/ready"),
        )

    def _store(self) -> Service:
        return Service(
            "store",
            (sys.executable, "-m", "headrace.store"),
            {
                "HEADRACE_STORE_TOPICS": str(self.state.topic.parent),
                "HEADRACE_STREAMS_SALTS": str(self.state.secrets / "salts.json"),
                "HEADRACE_STREAMS_PLACES": str(self.state.places),
                "HEADRACE_MINIDRUID_STORE": str(self.state.database),
                "HEADRACE_MINIDRUID_PORT": str(self.ports["sql"]),
                **({sql_token.VARIABLE: str(self.sql_token_file)} if self.sql_token_file else {}),
            },
            partial(responds, self.url("sql") + "/health/ready"),
        )

    def _dashboards(self) -> Service:
        gunicorn = SUPERSET_ENVIRONMENT / "bin" / "gunicorn"
        if not gunicorn.exists():
            raise CommandError("the dashboards are not installed; run `make install`, or go without them: --no-dashboards")
        return Service(
            "dashboards",
            (str(gunicorn), "-b", f"{self.host}:{self.ports['dashboards']}"),
            {
                "DRUID_URI": f"druid://127.0.0.1:{self.ports['sql']}/druid/v2/sql?header=true",
                **({"DRUID_TOKEN_FILE": str(self.sql_token_file)} if self.sql_token_file else {}),
                "SUPERSET_HOME": str(self.state.superset),
                "SUPERSET_SECRET_KEY_FILE": str(self.state.secrets / "superset-secret-key"),
                "HEADRACE_DASHBOARDS_PASSWORD_FILE": str(self.state.secrets / "dashboards-password"),
                "TZ": "UTC",
            },
            partial(responds, self.url("dashboards") + "/health"),
            folder=SUPERSET,
            ready_seconds=180,
        )

    def _shop(self) -> Service:
        return Service(
            "shop",
            (sys.executable, "-m", "simulator.shop"),
            {
                "HEADRACE_SHOP_HOST": self.host,
                "HEADRACE_SHOP_PORT": str(self.ports["shop"]),
                "HEADRACE_SHOP_COLLECTOR_URL": self.url("collector"),
            },
            partial(responds, self.url("shop") + "/"),
        )

    def simulated_visits(self) -> Service:
        """Give the service that visits the shop; it starts once everything else is ready."""
        return Service(
            "visits",
            (sys.executable, "-m", "simulator.visits"),
            {
                "HEADRACE_VISITS_SHOP_URL": self.url("shop"),
                "HEADRACE_VISITS_RATE": str(self.visits_per_minute),
            },
        )
