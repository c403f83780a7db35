"""Kafka, ZooKeeper and Druid are composed for one machine, and started and stopped."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from confluent_kafka import Producer
from rich.console import Console
from support.headrace.engines_without_jars import engines_without_jars
from support.ports import free_engine_ports

from headrace.engines.jars import EXTENSIONS, PROJECT
from headrace.engines.ports import READY_PATHS, EnginePorts
from headrace.engines.services import NAMES, STOP_ORDER, Engines
from headrace.engines.up import start_engines, stop_engines
from headrace.errors import CommandError
from headrace.processes.installation import Run, RunningProcess, StateFolder
from headrace.processes.ports import LOOPBACK
from headrace.processes.supervisor import created_at, is_alive


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    return engines_without_jars(tmp_path)


def properties(file: str) -> dict[str, str]:
    """The effective values of a configuration."""
    lines = [line for line in Path(file).read_text().splitlines() if line and not line.startswith("#")]
    assert len({line.partition("=")[0] for line in lines}) == len(lines)
    return dict(line.split("=", 1) for line in lines)


def test_kafka_listens_here_only_and_keeps_its_data_in_the_folder(engines: Engines) -> None:
    said = properties(engines.service("kafka").command[-1])
    assert said["listeners"] == f"PLAINTEXT://{engines.ports.host_port('kafka')},CONTROLLER://{engines.ports.host_port('controller')}"
    assert said["log.dirs"] == str(engines.folder / "kafka")
    assert said["auto.create.topics.enable"] == "false"


def test_the_storage_of_kafka_is_made_once(engines: Engines) -> None:
    engines.service("kafka")
    assert engines.service("kafka").command == engines.service("kafka").command


def test_storage_that_cannot_be_made_is_reported(engines: Engines) -> None:
    (engines.folder / "kafka").mkdir(parents=True)
    (engines.folder / "kafka" / "full").touch()
    with pytest.raises(CommandError, match="Kafka's storage could not be created: no space left"):
        engines.service("kafka")


def test_zookeeper_listens_here_only(engines: Engines) -> None:
    said = properties(engines.service("zookeeper").command[-1])
    assert (said["clientPortAddress"], said["clientPort"]) == (LOOPBACK, str(engines.ports.zookeeper))


@pytest.mark.parametrize("name", ["coordinator", "historical", "broker", "indexer"])
def test_a_druid_process_is_the_one_in_druid_runtime_with_local_hosts(engines: Engines, name: str) -> None:
    command = engines.service(name).command
    assert command[-3:] == ("org.apache.druid.cli.Main", "server", name)
    assert {"-Ddruid.host=127.0.0.1", "-Ddruid.bindOnHost=true", f"-Ddruid.plaintextPort={getattr(engines.ports, name)}"} <= set(command)
    class_path = command[command.index("-cp") + 1].split(":")
    assert [
        Path(folder, file).is_file() for folder, file in zip(class_path, ("common.runtime.properties", "runtime.properties"), strict=False)
    ]
    assert properties(f"{class_path[1]}/runtime.properties")["druid.service"] == f"druid/{name}"


def test_druid_loads_the_extensions_that_are_fetched() -> None:
    common = properties(str(PROJECT / "druid" / "runtime" / "_common" / "common.runtime.properties"))
    assert tuple(json.loads(common["druid.extensions.loadList"])) == EXTENSIONS


def test_every_engine_is_stopped() -> None:
    assert {name for group in STOP_ORDER for name in group} == set(NAMES)


def test_ports_are_chosen_by_name() -> None:
    assert EnginePorts().with_choices(["kafka=19092", "broker=18082"]) == EnginePorts(kafka=19092, broker=18082)


@pytest.mark.parametrize("choice", ["kafka", "kafka=", "kafka=x", "kafka=0", "kafka=65536", "router=8888"])
def test_a_choice_of_port_that_says_nothing_is_refused(choice: str) -> None:
    with pytest.raises(CommandError, match=f"--engine-port {choice}: expected NAME=NUMBER, where NAME is one of zookeeper, kafka"):
        EnginePorts().with_choices([choice])


def test_ports_that_are_taken_are_reported_all_at_once() -> None:
    ports = free_engine_ports()
    ports.check()
    with socket.create_server((LOOPBACK, 0)) as other:
        taken = replace(ports, kafka=other.getsockname()[1], broker=ports.indexer)
        with pytest.raises(
            CommandError, match=r"\(kafka\) cannot be used: .*\n.*is selected twice.* broker=NUMBER\n.*is selected twice.* indexer=NUMBER"
        ):
            taken.check()


@pytest.fixture
def druid() -> Iterator[tuple[set[str], int]]:
    """An HTTP server that responds 200 on the paths in a set, and its port."""
    good: set[str] = set()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in good else 503)
            self.end_headers()

        def do_POST(self) -> None:
            assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"query": "SELECT 1"}
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer((LOOPBACK, 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield good, server.server_port
        server.shutdown()


@pytest.mark.parametrize("name", READY_PATHS)
def test_a_druid_process_is_ready_when_it_says_so_in_every_respect(name: str, druid: tuple[set[str], int]) -> None:
    good, port = druid
    ports = replace(EnginePorts(), **{name: port})
    for path in (*READY_PATHS[name], *(("/druid/v2/sql",) if name == "broker" else ())):
        assert not ports.is_ready(name)
        good.add(path)
    assert ports.is_ready(name)


def test_a_broker_that_is_not_there_is_not_ready() -> None:
    ports = free_engine_ports()
    assert not any(ports.is_ready(name) for name in NAMES)


def test_zookeeper_is_ready_when_it_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert EnginePorts(zookeeper=server.getsockname()[1]).is_ready("zookeeper")


def test_kafka_is_ready_when_it_describes_the_cluster_not_when_it_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        assert not EnginePorts(kafka=silent.getsockname()[1]).is_ready("kafka")
    in_process = Producer({"test.mock.num.brokers": 1})
    port = next(iter(in_process.list_topics(timeout=10).brokers.values())).port
    assert EnginePorts(kafka=port).is_ready("kafka")


def test_engines_that_do_not_start_are_reported_and_all_stopped(engines: Engines) -> None:
    with pytest.raises(CommandError, match=r"exited with status 1 while starting(?s:.*)the port is taken"):
        start_engines(engines, Console(file=StringIO()))
    run = StateFolder(engines.folder).running()
    assert run.ports == asdict(engines.ports)
    assert not any(is_alive(process) for process in run.processes.values())


def test_engines_that_run_are_not_started_again_and_are_ended_by_their_ids(engines: Engines, tmp_path: Path) -> None:
    state, out = StateFolder(tmp_path / "state"), StringIO()
    here = StateFolder(engines.folder)
    here.root.mkdir(parents=True)
    with subprocess.Popen((sys.executable, "-c", "import signal; signal.pause()")) as process:
        running = RunningProcess(process.pid, created_at(process.pid))
        gone = RunningProcess(os.getpid(), 0)
        here.write_run(Run(gone, LOOPBACK, asdict(EnginePorts()), {"kafka": running, "broker": gone}))
        with pytest.raises(CommandError, match=r"^kafka already running on .*; stop with `headrace engines down`"):
            start_engines(engines, Console(file=out))
        stop_engines(state, Console(file=out))
        assert not is_alive(running)
    stop_engines(state, Console(file=out, width=200))
    assert out.getvalue() == f"stopped kafka\nno engines were running on {state.root}\n"
