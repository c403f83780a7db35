"""`headrace up`: starts everything on one machine, keeps it running, stops it cleanly."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from enrichment import demo_places
from headrace.errors import CommandError
from headrace.services import DASHBOARD, SITE, STOP_ORDER, Plan
from headrace.starting import spinner, start
from headrace.state import LOOPBACK, LOOPBACK_ONLY, Run, RunningProcess, State
from headrace.supervisor import Supervisor, created_at, stop_leftovers
from simulator.errors import CollectorUnavailable
from simulator.visits.backfill import backfill

PORT_OPTIONS = {
    "collector": "--collector-port",
    "internal": "--collector-port (its internal port is the next one)",
    "sql": "--sql-port",
    "dashboards": "--dashboards-port",
    "shop": "--shop-port",
}
PAST_DAYS = 14  # the last seven, and the seven before to compare with
PAST_VISITS_PER_DAY = 400


def up(plan: Plan, console: Console) -> None:
    """Run until SIGINT or SIGTERM; raises CommandError when something cannot start or will not stay up."""
    state = plan.state
    state.prepare()
    lock = state.lock()
    try:
        _stop_leftovers(state, console)
        _check_ports(plan)
        with _stop_signal() as stopping:
            _run(plan, console, stopping)
    finally:
        os.close(lock)


def _run(plan: Plan, console: Console, stopping: threading.Event) -> None:
    supervisor = Supervisor(plan.state.logs)
    try:
        first_start = not plan.state.places.exists()
        _start(plan, supervisor, console, stopping)
        if plan.visits and not stopping.is_set():
            if first_start:
                _send_past_visits(plan, console)
            supervisor.start(plan.simulated_visits())
            _note_run(plan, supervisor)
        if not stopping.is_set():
            tell(plan, console)
        _keep_running(plan, supervisor, console, stopping)
    finally:
        with console.status("stopping"):
            supervisor.stop(*STOP_ORDER)
            _try_to_note_run(plan, supervisor)
        console.print("headrace has stopped; nothing is lost, the next `headrace up` goes on from here", highlight=False, soft_wrap=True)


def _keep_running(plan: Plan, supervisor: Supervisor, console: Console, stopping: threading.Event) -> None:
    is_noted = True
    while not stopping.wait(0.5):
        for name in supervisor.restart_dead():
            last = supervisor.last_words(name)
            text = f" (its log: {plan.state.logs / name}.log): {last}"
            console.print(Text.assemble((f"{name} had ended and was started again", "yellow"), text), soft_wrap=True)
            is_noted = False
        is_noted = is_noted or _try_to_note_run(plan, supervisor)


def _start(plan: Plan, supervisor: Supervisor, console: Console, stopping: threading.Event) -> None:
    if not plan.state.places.exists():
        with spinner(console) as progress:
            task = progress.add_task("building the demo's place database", total=1)
            demo_places.build(plan.state.places)
            progress.update(task, completed=1)
    start(plan.services(), supervisor, console, lambda: _note_run(plan, supervisor), stopping)


def _send_past_visits(plan: Plan, console: Console) -> None:
    with Progress(console=console) as progress:
        task = progress.add_task(f"sending {PAST_DAYS} days of past visits")

        def show(sent: int, days: int) -> None:
            progress.update(task, completed=sent, total=days)

        internal, shop = plan.url("internal"), plan.url("shop")
        try:
            backfill(internal, days=PAST_DAYS, visits_per_day=PAST_VISITS_PER_DAY, site=SITE, shop_url=shop, progress=show)
        except CollectorUnavailable as error:
            raise CommandError(f"the past visits could not be sent: {error}") from error


def tell(plan: Plan, console: Console) -> None:
    """Say where everything is and how to log in."""
    lines = {"demo shop": f"{plan.url('shop')}/"}
    if plan.dashboards:
        password = plan.state.secret("dashboards-password")
        lines = {"dashboards": f"{plan.url('dashboards')}{DASHBOARD}", "": f"user admin, password {password}"} | lines
    lines["tracker"] = f'<script async src="{plan.url("collector")}/headrace.js" data-site="{SITE}"></script>'
    lines["Druid SQL"] = f"{plan.url('sql')}/druid/v2/sql"
    console.print("[bold green]headrace is up[/]")
    for name, text in lines.items():
        # Whole lines, however narrow the terminal: they are there to be copied.
        console.print(Text.assemble("  ", f"{name:<12} ", (text, "bold")), soft_wrap=True)
    console.print("Ctrl-C stops it; `headrace status` and `headrace tail` look at it", highlight=False)


def _note_run(plan: Plan, supervisor: Supervisor) -> None:
    myself = RunningProcess(os.getpid(), created_at(os.getpid()))
    processes = {name: child.running for name, child in supervisor.children.items()}
    plan.state.write_run(Run(myself, plan.host, plan.ports, processes))


def _try_to_note_run(plan: Plan, supervisor: Supervisor) -> bool:
    """Write down what runs, if the disk has room for it: a full one must not end what still works."""
    try:
        _note_run(plan, supervisor)
    except OSError:
        return False
    return True


def _stop_leftovers(state: State, console: Console) -> None:
    run = state.read_run()
    for name in stop_leftovers(run.processes, STOP_ORDER) if run else ():
        console.print(f"[yellow]ended {name}, left behind by an earlier run[/]", highlight=False)


def _check_ports(plan: Plan) -> None:
    ports = {name: port for name, port in plan.ports.items() if plan.dashboards or name != "dashboards"}
    for name, port in ports.items():
        if list(ports.values()).count(port) > 1:
            raise CommandError(f"port {port} is asked for twice; choose another with {PORT_OPTIONS[name]}")
        host = LOOPBACK if name in LOOPBACK_ONLY else plan.host
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"port {port} on {host} ({name}) cannot be used: {error.strerror}; choose another with {PORT_OPTIONS[name]}"
                ) from error


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
