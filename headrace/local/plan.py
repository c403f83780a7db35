"""The plan of one machine: the services to start, their settings and their order."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Self

from collector.settings import Settings as CollectorSettings
from headrace.engines.services import NAMES, Engines
from headrace.errors import CommandError
from headrace.local.kafka_druid import apply, kafka_variables
from headrace.local.services import SERVICES, SITE
from headrace.processes.installation import StateFolder
from headrace.processes.ports import LOOPBACK, base_url
from headrace.processes.startup_stages import Stage
from headrace.processes.supervisor import Service
from headrace.store_settings import StoreSettings
from minidruid.settings import Settings as MinidruidSettings
from simulator.settings import ShopSettings, VisitsSettings
from streams.settings import Settings as StreamsSettings
from topics.forwarder.settings import ForwarderSettings

PROJECT: Final = Path(__file__).resolve().parents[2]
SUPERSET: Final = PROJECT / "superset"
SUPERSET_ENVIRONMENT: Final = PROJECT / ".venv-superset"


@dataclass(frozen=True, slots=True)
class Plan:
    """The services to start, their state folder and their ports."""

    state: StateFolder
    host: str
    ports: dict[str, int]  # `internal` is the collector's second port, `sql` that of the store or of Druid's broker
    dashboards: bool
    visits: bool
    visits_per_minute: int
    sites: tuple[str, ...] = ()  # accepted besides the demo's site; if empty, every site is accepted
    sql_token_file: Path | None = None
    engines: Engines | None = None  # Kafka and Druid; without them, DuckDB

    def on_druid(self, engines: Engines) -> Self:
        """Return the same plan with Kafka and Druid in place of DuckDB."""
        more = {"sql": engines.ports.broker, "forwarder": self.ports["collector"] + 2, "converter": self.ports["collector"] + 3}
        return replace(self, engines=engines, sql_token_file=None, ports=self.ports | more | engines.ports.without_broker())

    def url(self, name: str) -> str:
        """Return the URL of a service by the name of its port."""
        return base_url(name, self.host, self.ports)

    def ports_to_check(self) -> dict[str, int]:
        """Return the ports that the services will listen on."""
        return {name: port for name, port in self.ports.items() if self.dashboards or name != "dashboards"}

    def stages(self) -> Iterator[Stage]:
        """Return the services in start order, all but the simulated visits."""
        front = (self._collector(), *((self._dashboards(),) if self.dashboards else ()), self._shop())
        if self.engines is None:
            yield Stage((self._store(), *front))
        else:
            yield Stage((*map(self.engines.service, NAMES), *front), partial(apply, self.engines.ports))
            kafka = kafka_variables(self.engines.ports)
            yield Stage((self._forwarder(kafka), self._converter(kafka)))

    def simulated_visits(self) -> Service:
        """Return the service that visits the shop; it starts when all others are ready."""
        return self._module(
            "visits", "simulator.visits", VisitsSettings.environment(shop_url=self.url("shop"), rate=self.visits_per_minute)
        )

    def _collector(self) -> Service:
        settings = CollectorSettings.environment(
            host=self.host,
            port=self.ports["collector"],
            internal_port=self.ports["internal"],
            topic_directory=self.state.topic,
            key_file=self.state.secrets / "partition-key",
            sites=(SITE, *self.sites) if self.sites else None,
        )
        return self._module("collector", "collector", settings)

    def _store(self) -> Service:
        settings = (
            StoreSettings.environment(topics=self.state.topic.parent)
            | StreamsSettings.environment(salts=self.state.secrets / "salts.json", places=self.state.places)
            | MinidruidSettings.environment(store=self.state.database, port=self.ports["sql"], token_file=self.sql_token_file)
        )
        return self._module("store", "headrace.store", settings)

    def _forwarder(self, kafka: Mapping[str, str]) -> Service:
        settings = ForwarderSettings.environment(host=LOOPBACK, port=self.ports["forwarder"], topic_directory=self.state.topic)
        return self._module("forwarder", "topics.forwarder", {**kafka, **settings})

    def _converter(self, kafka: Mapping[str, str]) -> Service:
        settings = StreamsSettings.environment(host=LOOPBACK, port=self.ports["converter"], places=self.state.places)
        return self._module("converter", "streams", {**kafka, **settings})

    def _shop(self) -> Service:
        settings = ShopSettings.environment(host=self.host, port=self.ports["shop"], collector_url=self.url("collector"))
        return self._module("shop", "simulator.shop", settings)

    def _dashboards(self) -> Service:
        gunicorn = SUPERSET_ENVIRONMENT / "bin" / "gunicorn"
        if not gunicorn.exists():
            raise CommandError("the dashboards are not installed; run `make install`, or start without them: --no-dashboards")
        environment = {
            "DRUID_URI": f"druid://127.0.0.1:{self.ports['sql']}/druid/v2/sql?header=true",
            **({"DRUID_TOKEN_FILE": str(self.sql_token_file)} if self.sql_token_file else {}),
            "SUPERSET_HOME": str(self.state.superset),
            "SUPERSET_SECRET_KEY_FILE": str(self.state.secrets / "superset-secret-key"),
            "HEADRACE_DASHBOARDS_PASSWORD_FILE": str(self.state.secrets / "dashboards-password"),
            "TZ": "UTC",
        }
        return self._service("dashboards", (str(gunicorn), "-b", f"{self.host}:{self.ports['dashboards']}"), environment, SUPERSET)

    def _module(self, name: str, module: str, environment: Mapping[str, str]) -> Service:
        return self._service(name, (sys.executable, "-m", module), environment)

    def _service(self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path | None = None) -> Service:
        service = SERVICES[name]
        return Service(name, command, environment, lambda: not service.not_ready_reason(self.url), folder, service.ready_seconds)
