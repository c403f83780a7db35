"""`headrace druid status`: whether Druid ingests the topic, its lag, and the reasons if it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.consoles import cell
from headrace.druid.client import TASK, Druid
from headrace.druid.supervisor import SupervisorStatus, supervisor_status, tasks

# Druid replaces a failed task at once, so an earlier failure no longer matters.
RECENT: Final = timedelta(minutes=5)


def status(url: str, datasource: str) -> dict[str, Any]:
    """Return the status of a supervisor and its tasks.

    The result is {"healthy", "reasons", "state", "lag": {"total", "partitions"}, "tasks": [{"id", "state", "offsets", "error"}]};
    `lag` is null while Druid does not know it.
    """
    with Druid(url) as druid:
        now = supervisor_status(druid, datasource)
        failed = [task for task in tasks(druid, datasource, "complete") if _has_failed_recently(task)]
        waiting = [task["id"] for state in ("pending", "waiting") for task in tasks(druid, datasource, state)]
        reasons = [*_reasons(now), *(f"task {task} waits for a free slot on a worker" for task in waiting), *_failure(druid, failed)]
    return {
        "healthy": not reasons,
        "reasons": reasons,
        "state": now.get("detailedState") or now["state"],
        "lag": {"total": now.get("aggregateLag") if now.get("minimumLag") else None, "partitions": now.get("minimumLag") or None},
        "tasks": [
            *_working(now, waiting),
            *({"id": task["id"], "state": "FAILED", "offsets": None, "error": _error(task)} for task in failed),
        ],
    }


def print_status(content: dict[str, Any], datasource: str, console: Console) -> None:
    """Print a status for people."""
    lag = content["lag"]
    console.print(f"{datasource} is {content['state']}, lag {'unknown' if lag['total'] is None else lag['total']}", highlight=False)
    table = Table("partition", "lag", box=None, padding=(0, 2))
    for partition, count in sorted((lag["partitions"] or {}).items(), key=lambda item: int(item[0])):
        table.add_row(partition, str(count))
    console.print(table)
    table = Table("task", "state", "offsets", "error", box=None, padding=(0, 2))
    for task in content["tasks"]:
        offsets = " ".join(f"{partition}:{offset}" for partition, offset in sorted((task["offsets"] or {}).items()))
        table.add_row(*map(cell, (task["id"], task["state"], offsets, task["error"])))
    console.print(table)
    for reason in content["reasons"]:
        console.print(f"[yellow]{escape(reason)}[/]", highlight=False, soft_wrap=True)
    console.print("[green]healthy[/]" if content["healthy"] else "[yellow]not healthy[/]")


def _reasons(now: SupervisorStatus) -> list[str]:
    if now["suspended"]:
        return ["it is suspended; `headrace druid resume` resumes it"]
    reasons = [f"Druid: {error['message']}" for error in now["recentErrors"][-1:]] if not now["healthy"] else []
    if not now["healthy"] or now["state"] != "RUNNING":
        reasons.insert(0, f"the supervisor is {now.get('detailedState') or now['state']}")
    return reasons or ([] if now["activeTasks"] else ["no task is reading"])


def _failure(druid: Druid, failed: list[dict[str, Any]]) -> list[str]:
    if not failed:
        return []
    newest = max(failed, key=lambda task: str(task["createdTime"]))
    rows = _invalid_rows(druid, newest["id"])
    count = f"{len(failed)} task{'' if len(failed) == 1 else 's'}"
    return [f"{count} failed in the last {RECENT.seconds // 60} minutes, the last one with {_error(newest)}", *rows]


def _invalid_rows(druid: Druid, task: str) -> list[str]:
    """Return the errors in rows, from the report of a task; the rows themselves are personal data and stay there."""
    report = druid.get(f"{TASK}/{task}/reports") or {}
    events = report.get("ingestionStatsAndErrors", {}).get("payload", {}).get("unparseableEvents") or {}
    return [f"invalid row: {'; '.join(event['details'])}" for event in events.get("buildSegments") or ()]


def _has_failed_recently(task: dict[str, Any]) -> bool:
    ended_at = datetime.fromisoformat(task["createdTime"]) + timedelta(milliseconds=task["duration"])
    return task["statusCode"] == "FAILED" and datetime.now(UTC) - ended_at < RECENT


def _error(task: dict[str, Any]) -> str:
    """Return the first line of a task's stack trace, without the package of the exception."""
    kind, colon, text = str(task.get("errorMsg") or "").partition("\n")[0].partition(": ")
    return f"{kind.rpartition('.')[2]}: {text}" if colon and " " not in kind else kind + colon + text


def _working(now: SupervisorStatus, waiting: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": task["id"],
            "state": "WAITING" if task["id"] in waiting else "PUBLISHING" if task in now["publishingTasks"] else "READING",
            "offsets": task.get("currentOffsets"),
            "error": None,
        }
        for task in (*now["activeTasks"], *now["publishingTasks"])
    ]
