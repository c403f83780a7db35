"""Druid's supervisor of a datasource: how it stands, suspended, resumed, and waited for."""

import time
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console

from headrace.consoles import SafeConsole
from headrace.druid.client import SUPERVISORS, TASKS, Druid
from headrace.errors import CommandError

WAIT_SECONDS: Final = 180
POLL_INTERVAL_SECONDS: Final = 0.5

SupervisorStatus = dict[str, Any]  # Druid's own account: state, activeTasks, publishingTasks, aggregateLag, recentErrors, …
Condition = Callable[[Druid, SupervisorStatus], bool]


def supervisor_status(druid: Druid, datasource: str) -> SupervisorStatus:
    """Give what Druid says of the supervisor; raises CommandError if there is none."""
    answer = druid.get(f"{SUPERVISORS}/{datasource}/status")
    if answer is None:
        raise CommandError(f"Druid at {druid.url} has no supervisor {datasource}; `headrace druid apply` makes it")
    payload: SupervisorStatus = answer["payload"]
    return payload


def tasks(druid: Druid, datasource: str, state: str) -> list[dict[str, Any]]:
    """Give the datasource's reading tasks of a state: pending, waiting, running or complete (the newest ones)."""
    found = druid.get(TASKS, datasource=datasource, state=state, type="index_kafka", **({"max": 20} if state == "complete" else {}))
    return list(found or ())


def suspend(url: str, datasource: str, console: Console) -> None:
    """Stop reading: what was read is published first; waits until no task is left."""
    _send(url, datasource, "suspend", is_suspended)
    console.print(f"{datasource} is suspended; Kafka keeps what comes until `headrace druid resume`", highlight=False)


def resume(url: str, datasource: str, console: Console) -> None:
    """Go on reading where it stopped; waits until the tasks run."""
    _send(url, datasource, "resume", runs)
    console.print(f"{datasource} runs", highlight=False)


def _send(url: str, datasource: str, order: str, is_done: Condition) -> None:
    with Druid(url) as druid:
        if supervisor_status(druid, datasource)["suspended"] != (order == "suspend"):  # Druid refuses what is so already
            druid.post(f"{SUPERVISORS}/{datasource}/{order}")
        wait_until(druid, datasource, is_done)


def runs(druid: Druid, now: SupervisorStatus) -> bool:
    """Say whether it reads: its tasks have their places on workers."""
    active = {task["id"] for task in now["activeTasks"]}
    return now["state"] == "RUNNING" and bool(active) and active <= {task["id"] for task in tasks(druid, now["dataSource"], "running")}


def is_suspended(_druid: Druid, now: SupervisorStatus) -> bool:
    """Say whether it has stopped, and all that was read is published."""
    return now["state"] == "SUSPENDED" and not now["activeTasks"] and not now["publishingTasks"]


def wait_until(druid: Druid, datasource: str, condition: Condition) -> None:
    """Show how it stands until the condition holds; raises CommandError when it does not within the time."""
    deadline = time.monotonic() + WAIT_SECONDS
    with SafeConsole(stderr=True).status(f"waiting for {datasource}") as progress:
        while not condition(druid, now := supervisor_status(druid, datasource)):
            if time.monotonic() > deadline:
                last = now["recentErrors"][-1]["message"] if now["recentErrors"] else "`headrace druid status` says more"
                raise CommandError(f"{datasource} is {describe(now)} after {WAIT_SECONDS} s; {last}")
            progress.update(f"waiting for {datasource}: {describe(now)}")
            time.sleep(POLL_INTERVAL_SECONDS)  # Druid tells of nothing by itself


def describe(now: SupervisorStatus) -> str:
    """Say in a few words how it stands."""
    count = len(now["activeTasks"])
    return f"{now.get('detailedState') or now['state']} with {count} active task{'' if count == 1 else 's'}"
