"""`headrace up`: starts all services of one machine, restarts crashed ones, and stops them in order."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from enrichment import demo_places
from headrace.errors import CommandError
from headrace.local.plan import Plan
from headrace.local.services import DASHBOARD, SITE, STOP_ORDER
from headrace.local.status import warnings
from headrace.processes.installation import Run, StateFolder
from headrace.processes.ports import check_ports
from headrace.processes.startup_stages import spinner, start
from headrace.processes.supervisor import Supervisor, stop_leftovers, this_process
from headrace.sql_token import make_token
from simulator.errors import CollectorUnavailable
from simulator.visits.backfill import backfill
from topics.local.consumers import consumer_path

PAST_DAYS = 14  # the last week, and the week before for comparison
PAST_VISITS_PER_DAY = 400


def run(plan: Plan, console: Console) -> None:
    """Run until SIGINT or SIGTERM; raises CommandError if a service does not start."""
    state = plan.state
    state.prepare()
    lock = state.lock()
    try:
        _check_engines(plan)
        make_token(plan.sql_token_file)  # before the services that read it
        _stop_leftovers(state, console)
        check_ports(plan.ports_to_check(), plan.host)
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
            _write_run(plan, supervisor)
        if not stopping.is_set():
            print_summary(plan, console)
        _keep_running(plan, supervisor, console, stopping)
    finally:
        with console.status("stopping"):
            supervisor.stop(*STOP_ORDER)
            _try_to_write_run(plan, supervisor)
        console.print(
            "headrace has stopped; no event is lost, and `headrace up` picks up where it left off", highlight=False, soft_wrap=True
        )


def _keep_running(plan: Plan, supervisor: Supervisor, console: Console, stopping: threading.Event) -> None:
    written = supervisor.processes()
    while not stopping.wait(0.5):
        for name in supervisor.restart_dead():
            child = supervisor.children[name]
            console.print(
                Text.assemble((f"{name} exited and was restarted", "yellow"), f" ({child.last_end}); log: {child.log}"), soft_wrap=True
            )
        now = supervisor.processes()
        if now != written and _try_to_write_run(plan, supervisor):
            written = now


def _start(plan: Plan, supervisor: Supervisor, console: Console, stopping: threading.Event) -> None:
    if not plan.state.places.exists():
        with spinner(console) as progress:
            task = progress.add_task("building the demo's place database", total=1)
            demo_places.build(plan.state.places)
            progress.update(task, completed=1)
    for stage in plan.stages():
        if not stopping.is_set():
            start(stage.services, supervisor, console, lambda: _write_run(plan, supervisor), stopping)
        if not stopping.is_set():
            stage.finish(console)


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


def print_summary(plan: Plan, console: Console) -> None:
    """Print the URLs of the services and the login of the dashboards."""
    lines = {"demo shop": f"{plan.url('shop')}/"}
    if plan.dashboards:
        password = plan.state.secret("dashboards-password")
        lines = {"dashboards": f"{plan.url('dashboards')}{DASHBOARD}", "": f"user admin, password {password}"} | lines
    lines["tracker"] = f'<script async src="{plan.url("collector")}/headrace.js" data-site="{SITE}"></script>'
    if plan.engines:
        lines["Kafka"] = plan.engines.ports.host_port("kafka")
    lines["Druid SQL"] = f"{plan.url('sql')}/druid/v2/sql" + (f" (token in {plan.sql_token_file})" if plan.sql_token_file else "")
    console.print("[bold green]headrace is up[/]")
    for name, text in lines.items():
        # Unwrapped even on a narrow terminal, because they are meant to be copied.
        console.print(Text.assemble("  ", f"{name:<12} ", (text, "bold")), soft_wrap=True)
    for warning in warnings(plan.url("internal")):
        console.print(Text.assemble((f"{warning}; or start with --site NAME", "yellow")), soft_wrap=True)
    console.print("Ctrl-C stops it; `headrace status` shows its state, `headrace tail` its events", highlight=False)


def _write_run(plan: Plan, supervisor: Supervisor) -> None:
    plan.state.write_run(Run(this_process(), plan.host, plan.ports, supervisor.processes(), str(plan.sql_token_file or "")))


def _try_to_write_run(plan: Plan, supervisor: Supervisor) -> bool:
    """Write run.json if the disk has room: a full disk must not stop services that still work."""
    try:
        _write_run(plan, supervisor)
    except OSError:
        return False
    return True


def _check_engines(plan: Plan) -> None:
    """Raise CommandError if a consumer of the local topic would never return, because it holds back the deletion of all messages."""
    before, after = ("converter", "duckdb") if plan.engines else ("forwarder", "druid")
    if consumer_path(plan.state.topic, before).exists():
        raise CommandError(
            f"{plan.state.root} was created with --engines {after}; start with that option, or select another folder with --state DIR"
        )


def _stop_leftovers(state: StateFolder, console: Console) -> None:
    run = state.read_run()
    for name in stop_leftovers(run.processes, STOP_ORDER) if run else ():
        console.print(f"[yellow]stopped {name}, left over from an earlier run[/]", highlight=False)


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
