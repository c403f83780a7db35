"""Druid's supervisor of a datasource: its status, suspend and resume."""

from collections.abc import Callable
from typing import Any, Final

from rich.console import Console

from headrace.consoles import SafeConsole
from headrace.druid.client import SUPERVISORS, TASKS, Druid
from headrace.errors import CommandError
from headrace.polling import attempts

WAIT_SECONDS: Final = 180
POLL_INTERVAL_SECONDS: Final = 0.5

SupervisorStatus = dict[str, Any]  # as Druid reports it: state, activeTasks, publishingTasks, aggregateLag, recentErrors, …
Condition = Callable[[Druid, SupervisorStatus], bool]


def supervisor_status(druid: Druid, datasource: str) -> SupervisorStatus:
    """Return the status of the supervisor; raises CommandError if there is none."""
    response = druid.get(f"{SUPERVISORS}/{datasource}/status")
    if response is None:
        raise CommandError(f"Druid at {druid.url} has no supervisor {datasource}; `headrace druid apply` creates it")
    payload: SupervisorStatus = response["payload"]
    return payload


def tasks(druid: Druid, datasource: str, state: str) -> list[dict[str, Any]]:
    """Return the ingestion tasks in a state: pending, waiting, running or complete (the newest ones)."""
    found = druid.get(TASKS, datasource=datasource, state=state, type="index_kafka", **({"max": 20} if state == "complete" else {}))
    return list(found or ())


def suspend(url: str, datasource: str, console: Console) -> None:
    """Suspend ingestion and wait until no task is left; rows that were read are published first."""
    _send(url, datasource, "suspend", is_suspended)
    console.print(f"{datasource} is suspended; Kafka keeps new rows until `headrace druid resume`", highlight=False)


def resume(url: str, datasource: str, console: Console) -> None:
    """Resume ingestion where it stopped, and wait until the tasks run."""
    _send(url, datasource, "resume", is_running)
    console.print(f"{datasource} is running", highlight=False)


def _send(url: str, datasource: str, action: str, is_done: Condition) -> None:
    with Druid(url) as druid:
        if supervisor_status(druid, datasource)["suspended"] != (action == "suspend"):  # Druid rejects an action that changes nothing
            druid.post(f"{SUPERVISORS}/{datasource}/{action}")
        wait_until(druid, datasource, is_done)


def is_running(druid: Druid, now: SupervisorStatus) -> bool:
    """Whether the supervisor ingests: all its tasks run on workers."""
    active = {task["id"] for task in now["activeTasks"]}
    return now["state"] == "RUNNING" and bool(active) and active <= {task["id"] for task in tasks(druid, now["dataSource"], "running")}


def is_suspended(_druid: Druid, now: SupervisorStatus) -> bool:
    """Whether the supervisor has stopped and published all rows that were read."""
    return now["state"] == "SUSPENDED" and not now["activeTasks"] and not now["publishingTasks"]


def wait_until(druid: Druid, datasource: str, condition: Condition) -> None:
    """Show the status until the condition holds; raises CommandError after WAIT_SECONDS."""
    with SafeConsole(stderr=True).status(f"waiting for {datasource}") as progress:
        for _ in attempts(WAIT_SECONDS, POLL_INTERVAL_SECONDS):
            now = supervisor_status(druid, datasource)
            if condition(druid, now):
                return
            progress.update(f"waiting for {datasource}: {describe(now)}")
    last = now["recentErrors"][-1]["message"] if now["recentErrors"] else "`headrace druid status` shows more"
    raise CommandError(f"{datasource} is {describe(now)} after {WAIT_SECONDS} s; {last}")


def describe(now: SupervisorStatus) -> str:
    """Return the state in a few words."""
    count = len(now["activeTasks"])
    return f"{now.get('detailedState') or now['state']} with {count} active task{'' if count == 1 else 's'}"
