"""Real Kafka and real Druid on ports of their own, to be killed, stopped for a while and started again."""

import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from support.ports import free_engine_ports
from support.waiting import wait_until

from headrace.engines.services import NAMES, STOP_ORDER, Engines
from headrace.processes.supervisor import Supervisor


@dataclass(frozen=True)
class RunningEngines:
    """Engines as child processes; each is started when it is first asked for."""

    engines: Engines
    supervisor: Supervisor

    @classmethod
    def in_folder(cls, folder: Path) -> "RunningEngines":
        """Make ready to start engines that keep everything in this folder; the jars are fetched if they are not there."""
        logs = folder / "logs"
        logs.mkdir(parents=True)
        return cls(Engines.fetched(folder, free_engine_ports(), Console()), Supervisor(logs))

    @property
    def kafka(self) -> str:
        """Return the bootstrap servers."""
        return self.engines.ports.host_port("kafka")

    @property
    def overlord_url(self) -> str:
        """Return the URL of coordinator and overlord."""
        return f"http://{self.engines.ports.host_port('coordinator')}"

    @property
    def broker_url(self) -> str:
        """Return the URL of Druid SQL without its path."""
        return f"http://{self.engines.ports.host_port('broker')}"

    @property
    def sql_url(self) -> str:
        """Return the URL of the SQL endpoint."""
        return f"{self.broker_url}/druid/v2/sql"

    def start(self, *names: str) -> None:
        """Start those that do not run, all by default, and wait until they do their work."""
        wanted = names or NAMES
        for name in wanted:
            if name not in self.supervisor.children:
                self.supervisor.start(self.engines.service(name))
        for name in wanted:
            wait_until(partial(self.supervisor.is_ready, name), within_seconds=240, every_seconds=0.1)

    def kill(self, name: str) -> None:
        """Kill an engine, as the kernel does when memory runs out: it is not asked."""
        child = self.supervisor.children.pop(name)
        child.process.kill()
        child.process.wait()

    def restart(self, name: str) -> None:
        """Start an engine again and wait for it; one that still runs is killed first."""
        if name in self.supervisor.children:
            self.kill(name)
        self.start(name)

    def pause(self, name: str) -> None:
        """Freeze an engine: it keeps its connections and does not respond."""
        self.supervisor.children[name].process.send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Resume a frozen engine."""
        self.supervisor.children[name].process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop what runs, Druid before Kafka before ZooKeeper."""
        for name in self.supervisor.children:
            self.resume(name)
        self.supervisor.stop(*STOP_ORDER)
