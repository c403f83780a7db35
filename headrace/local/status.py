"""`headrace status`: what runs, whether it responds, what became of the events."""

import json
import time
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace.engines.ports import EnginePorts
from headrace.engines.services import NAMES
from headrace.local.services import DASHBOARD, SERVICES, SITE
from headrace.processes.installation import Run, RunningProcess, StateFolder
from headrace.processes.ports import LOOPBACK
from headrace.processes.supervisor import is_alive

READY = "ready"


def read_status(state: StateFolder) -> dict[str, Any]:
    """Return the status of the installation in a state folder.

    The result is {"ready", "processes": {name: {"pid", "alive", "ready", "state", "reason", "rss_mb"}}, "urls", "site", "warnings",
    "ledger"}. `state` is ready, not ready, restarting (it keeps crashing) or gone; `reason` is why the process is not ready.
    `ledger` is null while the collector does not respond.
    """
    run = state.running()
    processes = {name: _process(run, name, process) for name, process in run.processes.items()}
    return {
        "ready": bool(processes) and is_alive(run.supervisor) and all(process["ready"] for process in processes.values()),
        "processes": processes,
        "urls": {
            "collector": run.url("collector"),
            "shop": run.url("shop"),
            "sql": run.url("sql") + "/druid/v2/sql",
            **({"dashboards": run.url("dashboards") + DASHBOARD} if "dashboards" in processes else {}),
            **({"kafka": f"{LOOPBACK}:{run.ports['kafka']}"} if "kafka" in processes else {}),
        },
        "site": SITE,
        "warnings": warnings(run.url("internal")),
        "ledger": _ledger(run),
    }


def print_status(content: dict[str, Any], console: Console) -> None:
    """Print a status for people."""
    table = Table("process", "pid", "state", "MB", box=None, padding=(0, 2))
    for name, process in content["processes"].items():
        table.add_row(name, str(process["pid"]), process["state"], str(process["rss_mb"]))
    console.print(table)
    for name, process in content["processes"].items():
        if process["reason"]:
            console.print(Text.assemble("  ", (f"{name} is {process['state']}", "yellow"), f": {process['reason']}"), soft_wrap=True)
    for name, url in content["urls"].items():
        console.print(f"  {name:<12} {url}")
    for warning in content["warnings"]:
        console.print(Text.assemble("  ", (warning, "yellow")), soft_wrap=True)
    if content["ledger"]:
        console.print("  " + " · ".join(f"{key} {value}" for key, value in content["ledger"].items()))
    console.print("[green]ready[/]" if content["ready"] else "[yellow]not ready[/]")


def warnings(internal: str) -> list[str]:
    """Return the collector's warnings; none while it does not respond."""
    try:
        response = httpx.get(f"{internal}/warnings", timeout=2, trust_env=False)
        found: list[str] = response.raise_for_status().json()["warnings"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []
    return found


def _process(run: Run, name: str, process: RunningProcess) -> dict[str, Any]:
    alive = is_alive(process)
    state, reason = _state(run, name, process, alive=alive)
    return {
        "pid": process.pid,
        "alive": alive,
        "ready": state == READY,
        "state": state,
        "reason": reason,
        "rss_mb": _resident_mb(process.pid) if alive else 0,
    }


def _state(run: Run, name: str, process: RunningProcess, *, alive: bool) -> tuple[str, str]:
    """Return the state of a process and its not-ready reason.

    A process in a crash loop may respond between two crashes, so it is ready only if it has lived longer than its backoff.
    """
    if not alive:
        return ("restarting" if is_alive(run.supervisor) else "gone"), process.last_end
    if time.time() - process.created < process.backoff_seconds:
        return "restarting", process.last_end
    reason = _not_ready_reason(run, name)
    return ("not ready" if reason else READY), reason


def _not_ready_reason(run: Run, name: str) -> str:
    if name in NAMES:
        return "" if EnginePorts.among(run.ports).is_ready(name) else "it does not respond yet"
    return SERVICES[name].not_ready_reason(run.url) if name in SERVICES else ""


def _resident_mb(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    return total // 2**20


def _ledger(run: Run) -> dict[str, int] | None:
    try:
        response = httpx.get(run.url("internal") + "/ledger", timeout=2, trust_env=False)
        total: dict[str, int] = response.raise_for_status().json()["total"]
    except (httpx.HTTPError, json.JSONDecodeError):
        return None
    return total
