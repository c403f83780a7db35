"""`headrace engines up` and `down`: Kafka and Druid alone; they keep running when the command exits."""

import os
import threading
from dataclasses import asdict

from rich.console import Console

from headrace.engines.ports import EnginePorts
from headrace.engines.services import NAMES, STOP_ORDER, Engines
from headrace.errors import CommandError
from headrace.processes.installation import Run, StateFolder
from headrace.processes.ports import LOOPBACK
from headrace.processes.startup_stages import start
from headrace.processes.supervisor import Supervisor, is_alive, stop_leftovers, this_process


def start_engines(engines: Engines, console: Console) -> None:
    """Start the engines, wait until they are ready, and print their URLs; raises CommandError if one does not start."""
    here, ports = StateFolder(engines.folder), engines.ports
    here.logs.mkdir(parents=True, exist_ok=True)
    lock = here.lock()
    try:
        _check_not_running(here)
        ports.check()
        supervisor = Supervisor(here.logs)
        try:
            start(map(engines.service, NAMES), supervisor, console, lambda: _write_run(here, ports, supervisor), threading.Event())
        except BaseException:
            supervisor.stop(*STOP_ORDER)
            raise
    finally:
        os.close(lock)
    _print_endpoints(ports, console)


def stop_engines(state: StateFolder, console: Console) -> None:
    """Stop the engines by their process ids: Druid, then Kafka, then ZooKeeper."""
    here = StateFolder(state.engines)
    run = here.read_run()
    with console.status("stopping"):
        stopped = stop_leftovers(run.processes, STOP_ORDER) if run else []
    here.run_file.unlink(missing_ok=True)
    console.print(f"stopped {', '.join(stopped)}" if stopped else f"no engines were running on {state.root}", highlight=False)


def _check_not_running(here: StateFolder) -> None:
    run = here.read_run()
    alive = [name for name, process in run.processes.items() if is_alive(process)] if run else []
    if alive:
        raise CommandError(f"{', '.join(alive)} already running on {here.root}; stop with `headrace engines down`")


def _write_run(here: StateFolder, ports: EnginePorts, supervisor: Supervisor) -> None:
    here.write_run(Run(this_process(), LOOPBACK, asdict(ports), supervisor.processes()))


def _print_endpoints(ports: EnginePorts, console: Console) -> None:
    console.print("[bold green]the engines are up[/]")
    lines = {
        "Kafka": ports.host_port("kafka"),
        "Druid SQL": f"http://{ports.host_port('broker')}/druid/v2/sql",
        "Druid": f"http://{ports.host_port('coordinator')} (coordinator and overlord)",
    }
    for name, text in lines.items():
        console.print(f"  {name:<12} [bold]{text}[/]", highlight=False, soft_wrap=True)
    console.print("`headrace engines down` stops them", highlight=False)
