"""Kafka, ZooKeeper and Druid's processes as services of this machine."""

import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rich.console import Console

from headrace.engines.jars import POMS, PROJECT, fetch, find_java
from headrace.engines.ports import EnginePorts
from headrace.errors import CommandError
from headrace.processes.ports import LOOPBACK
from headrace.processes.supervisor import Service
from startup.atomic_files import close_folder

RUNTIME: Final = PROJECT / "druid" / "runtime"
NAMES: Final = ("zookeeper", "kafka", "coordinator", "historical", "broker", "indexer")
# Druid before ZooKeeper: a Druid process without ZooKeeper hangs when it is stopped.
STOP_ORDER: Final = (("indexer", "broker", "historical", "coordinator"), ("kafka",), ("zookeeper",))
READY_SECONDS: Final = 180

# Fast start and little memory, at the expense of throughput.
JVM: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-Dfile.encoding=UTF-8", "-Duser.timezone=UTC")
MEMORY: Final[Mapping[str, tuple[str, ...]]] = {
    "zookeeper": ("-Xmx64m",),
    "kafka": ("-Xms128m", "-Xmx384m"),
    "coordinator": ("-Xms128m", "-Xmx256m"),
    "historical": ("-Xms128m", "-Xmx256m", "-XX:MaxDirectMemorySize=200m"),
    "broker": ("-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=200m"),
    "indexer": ("-Xms192m", "-Xmx768m", "-XX:MaxDirectMemorySize=400m"),
}
# The internals of Java 17 that Druid uses.
OPENED: Final = (
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
)


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines: Java, the folder of the jars, and the folder of their data and configuration."""

    java: str
    jars: Path
    folder: Path
    ports: EnginePorts

    @classmethod
    def fetched(cls, folder: Path, ports: EnginePorts, console: Console) -> Self:
        """Return engines whose jars are downloaded; raises CommandError without Java or Maven."""
        return cls(find_java(), fetch(console), folder, ports)

    def service(self, name: str) -> Service:
        """Return an engine as a service, after writing its configuration and creating its storage."""
        close_folder(self.folder)
        for part in ("zookeeper", "kafka", "druid", "tmp"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        command = {"zookeeper": self._zookeeper, "kafka": self._kafka}.get(name, lambda: self._druid(name))()
        return Service(name, command, {}, lambda: self.ports.is_ready(name), self.folder, READY_SECONDS)

    def _java(self, name: str, *jvm: str, class_path: str) -> tuple[str, ...]:
        return (self.java, *MEMORY[name], *JVM, "-Djava.io.tmpdir=tmp", *jvm, "-cp", class_path)

    def _zookeeper(self) -> tuple[str, ...]:
        values = {"dataDir": self.folder / "zookeeper", "clientPort": self.ports.zookeeper, "clientPortAddress": LOOPBACK}
        file = self._configuration(POMS / "zookeeper" / "zoo.cfg", values)
        logs = ("-Dzookeeper.jmx.log4j.disable=true", f"-Dlog4j2.configurationFile={POMS / 'log4j2.xml'}")
        start = self._java("zookeeper", *logs, class_path=f"{self.jars}/druid/*")
        return (*start, "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(file))

    def _kafka(self) -> tuple[str, ...]:
        data, controller = self.folder / "kafka", self.ports.host_port("controller")
        listeners = f"PLAINTEXT://{self.ports.host_port('kafka')},CONTROLLER://{controller}"
        values = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": data,
        }
        file = self._configuration(POMS / "kafka" / "server.properties", values)
        start = self._java("kafka", f"-Dlog4j2.configurationFile={POMS / 'log4j2.xml'}", class_path=f"{self.jars}/kafka/*")
        if not (data / "meta.properties").exists():
            _run(*start, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}", f"--config={file}")
        return (*start, "kafka.Kafka", str(file))

    def _druid(self, name: str) -> tuple[str, ...]:
        derby = self.ports.host_port("derby")
        here = {
            "druid.host": LOOPBACK,
            "druid.bindOnHost": "true",
            "druid.plaintextPort": getattr(self.ports, name),
            "druid.zk.service.host": self.ports.host_port("zookeeper"),
            "druid.extensions.directory": self.jars,
            "druid.metadata.storage.connector.connectURI": f"jdbc:derby://{derby}/druid/metadata;create=true",
            "druid.metadata.storage.connector.host": LOOPBACK,
            "druid.metadata.storage.connector.port": self.ports.derby,
            "derby.stream.error.file": "druid/derby.log",
            "java.util.logging.manager": "org.apache.logging.log4j.jul.LogManager",
        }
        properties = (f"-D{key}={value}" for key, value in here.items())
        class_path = f"{RUNTIME / '_common'}:{RUNTIME / name}:{self.jars}/druid/*"
        start = self._java(name, *OPENED, *properties, class_path=class_path)
        return (*start, "org.apache.druid.cli.Main", "server", name)

    def _configuration(self, template: Path, values: Mapping[str, object]) -> Path:
        """Write a configuration file: the template plus the values of this machine."""
        file = self.folder / template.name
        file.write_text(template.read_text() + "".join(f"{key}={value}\n" for key, value in values.items()))
        return file


def _cluster_id() -> str:
    return secrets.token_urlsafe(16)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"Kafka's storage could not be created: {(done.stdout + done.stderr).strip()}")
