"""Kafka, ZooKeeper and Druid's processes as services on this machine, listening on 127.0.0.1 only."""

import secrets
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

import httpx
from rich.console import Console

from headrace.errors import CommandError
from headrace.jars import POMS, PROJECT, fetch, find_java
from headrace.state import LOOPBACK
from headrace.supervisor import Service, answers
from topics.kafka import probe

RUNTIME: Final = PROJECT / "druid" / "runtime"
NAMES: Final = ("zookeeper", "kafka", "coordinator", "historical", "broker", "indexer")
# A Druid process that has lost ZooKeeper hangs when it is told to stop.
STOP_ORDER: Final = (("indexer", "broker", "historical", "coordinator"), ("kafka",), ("zookeeper",))
READY_SECONDS: Final = 180
PORT_OPTION: Final = "--engine-port"

# Quick to start and small, at the price of throughput.
JVM: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-Dfile.encoding=UTF-8", "-Duser.timezone=UTC")
MEMORY: Final[Mapping[str, tuple[str, ...]]] = {
    "zookeeper": ("-Xmx64m",),
    "kafka": ("-Xms128m", "-Xmx384m"),
    "coordinator": ("-Xms128m", "-Xmx256m"),
    "historical": ("-Xms128m", "-Xmx256m", "-XX:MaxDirectMemorySize=200m"),
    "broker": ("-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=200m"),
    "indexer": ("-Xms192m", "-Xmx768m", "-XX:MaxDirectMemorySize=400m"),
}
# What Druid needs to reach inside of Java 17.
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
READY_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "coordinator": ("/druid/coordinator/v1/isLeader", "/druid/indexer/v1/isLeader"),
    "historical": ("/status/selfDiscovered", "/druid/historical/v1/readiness"),
    "broker": ("/status/selfDiscovered", "/druid/broker/v1/readiness"),
    "indexer": ("/status/selfDiscovered",),
}


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """Where each engine listens; the defaults are the engines' own."""

    zookeeper: int = 2181
    kafka: int = 9092
    controller: int = 9093  # Kafka's own talk
    derby: int = 1527  # Druid's metadata, in the coordinator
    coordinator: int = 8081
    historical: int = 8083
    broker: int = 8082
    indexer: int = 8091

    def with_choices(self, choices: Iterable[str]) -> Self:
        """Give the ports with some of them changed, each as NAME=NUMBER; raises CommandError on anything else."""
        changed = asdict(self)
        for choice in choices:
            name, _, number = choice.partition("=")
            if name not in changed or not number.isdecimal() or not 0 < int(number) < 65536:
                raise CommandError(f"{PORT_OPTION} {choice}: NAME=NUMBER is expected, NAME one of {', '.join(changed)}")
            changed[name] = int(number)
        return replace(self, **changed)

    def check(self) -> None:
        """See that each can be listened on; raises CommandError with all that cannot."""
        ports = asdict(self)
        faults = [
            f"port {port} ({name}) cannot be used: {fault}; choose another with {PORT_OPTION} {name}=NUMBER"
            for name, port in ports.items()
            if (fault := "asked for twice" if list(ports.values()).count(port) > 1 else _fault(port))
        ]
        if faults:
            raise CommandError("\n".join(faults))

    def address(self, name: str) -> str:
        """Give host and port of an engine."""
        return f"{LOOPBACK}:{getattr(self, name)}"

    def is_ready(self, name: str) -> bool:
        """Say whether an engine does its work, not merely listens."""
        if name == "zookeeper":
            return _listens(self.zookeeper)
        if name == "kafka":
            return _listens(self.kafka) and probe.answers(self.address("kafka"))
        url = f"http://{self.address(name)}"
        return all(answers(url + path) for path in READY_PATHS[name]) and (name != "broker" or _answers_sql(url))


@dataclass(frozen=True, slots=True)
class Engines:
    """How the engines are run from a folder of jars, with all they keep in one folder."""

    java: str
    jars: Path
    folder: Path
    ports: EnginePorts = EnginePorts()

    @classmethod
    def fetched(cls, folder: Path, ports: EnginePorts, console: Console) -> Self:
        """Make ready to run them, the jars fetched if they are not there; raises CommandError without Java or Maven."""
        return cls(find_java(), fetch(console), folder, ports)

    def service(self, name: str) -> Service:
        """Give an engine as a service, its configuration written and its storage made."""
        for part in ("zookeeper", "kafka", "druid", "tmp"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        command = {"zookeeper": self._zookeeper, "kafka": self._kafka}.get(name, lambda: self._druid(name))()
        return Service(name, command, {}, lambda: self.ports.is_ready(name), self.folder, READY_SECONDS)

    def _java(self, name: str, *jvm: str, class_path: str) -> tuple[str, ...]:
        return (self.java, *MEMORY[name], *JVM, "-Djava.io.tmpdir=tmp", *jvm, "-cp", class_path)

    def _zookeeper(self) -> tuple[str, ...]:
        where = {"dataDir": self.folder / "zookeeper", "clientPort": self.ports.zookeeper, "clientPortAddress": LOOPBACK}
        file = self._configuration(POMS / "zookeeper" / "zoo.cfg", where)
        logs = ("-Dzookeeper.jmx.log4j.disable=true", f"-Dlog4j2.configurationFile={POMS / 'log4j2.xml'}")
        start = self._java("zookeeper", *logs, class_path=f"{self.jars}/druid/*")
        return (*start, "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(file))

    def _kafka(self) -> tuple[str, ...]:
        data, controller = self.folder / "kafka", self.ports.address("controller")
        listeners = f"PLAINTEXT://{self.ports.address('kafka')},CONTROLLER://{controller}"
        where = {"listeners": listeners, "advertised.listeners": listeners, "controller.quorum.voters": f"1@{controller}", "log.dirs": data}
        file = self._configuration(POMS / "kafka" / "server.properties", where)
        start = self._java("kafka", f"-Dlog4j2.configurationFile={POMS / 'log4j2.xml'}", class_path=f"{self.jars}/kafka/*")
        if not (data / "meta.properties").exists():
            _run(*start, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}", f"--config={file}")
        return (*start, "kafka.Kafka", str(file))

    def _druid(self, name: str) -> tuple[str, ...]:
        derby = self.ports.address("derby")
        here = {
            "druid.host": LOOPBACK,
            "druid.bindOnHost": "true",
            "druid.plaintextPort": getattr(self.ports, name),
            "druid.zk.service.host": self.ports.address("zookeeper"),
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

    def _configuration(self, template: Path, where: Mapping[str, object]) -> Path:
        """Write the configuration that stands in the project together with what this machine adds."""
        file = self.folder / template.name
        file.write_text(template.read_text() + "".join(f"{key}={value}\n" for key, value in where.items()))
        return file


def free_engine_ports() -> EnginePorts:
    """Find ports that nobody listens on, so that several can run side by side."""
    probes = [socket.socket() for _ in asdict(EnginePorts())]
    for one in probes:
        one.bind((LOOPBACK, 0))
    ports = [one.getsockname()[1] for one in probes]
    for one in probes:
        one.close()
    return EnginePorts(*ports)


def _fault(port: int) -> str | None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((LOOPBACK, port))
        except OSError as error:
            return error.strerror
    return None


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers_sql(url: str) -> bool:
    try:
        return httpx.post(url + "/druid/v2/sql", json={"query": "SELECT 1"}, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _cluster_id() -> str:
    return secrets.token_urlsafe(16)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"Kafka's storage could not be made: {(done.stdout + done.stderr).strip()}")
