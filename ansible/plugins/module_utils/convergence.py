"""Whether the services of a stack run as specified, from what Docker's API reports. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Record = dict[str, Any]

# States of an update after which nothing more happens by itself, or after which the release has failed.
FAILED_UPDATES = frozenset({"paused", "rollback_started", "rollback_paused", "rollback_completed"})
FAILED_TASKS = frozenset({"failed", "rejected", "orphaned"})
LABEL = "node.labels."
DEPENDS_ON = "headrace.depends-on"  # label of a service: names of others, separated by commas


@dataclass(frozen=True)
class Finding:
    """The reason why a service does not run as specified."""

    service: str
    reason: str
    is_final: bool = False  # waiting does not help
    has_failures: bool = False  # tasks ended by themselves


@dataclass(frozen=True)
class ServiceState:
    """A service with its tasks: what is missing, and the tasks that run as specified."""

    findings: tuple[Finding, ...]
    good_tasks: frozenset[str]
    is_preparing: bool  # images are pulled
    failed_tasks: tuple[str, ...] = ()  # the newest first
    depends_on: tuple[str, ...] = ()

    @property
    def has_failures(self) -> bool:
        """Whether tasks ended by themselves."""
        return any(finding.has_failures for finding in self.findings)


def usable_nodes(nodes: list[Record]) -> list[Record]:
    """Return the nodes on which tasks can run."""
    return [node for node in nodes if node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"]


def admits(constraint: str, node: Record) -> bool:
    """Whether a placement constraint admits a node."""
    operator = "==" if "==" in constraint else "!="
    key, _, value = (part.strip() for part in constraint.partition(operator))
    if key.startswith(LABEL):
        found = node["Spec"].get("Labels", {}).get(key[len(LABEL) :], "")
    else:
        found = {"node.hostname": node["Description"]["Hostname"], "node.role": node["Spec"]["Role"], "node.id": node["ID"]}.get(key, "")
    return (found == value) is (operator == "==")


def expected_tasks(service: Record, nodes: list[Record]) -> int:
    """Return how many tasks must run: the replicas, or one on each usable node that the constraints admit."""
    mode = service["Spec"]["Mode"]
    if "Replicated" in mode:
        return int(mode["Replicated"].get("Replicas", 0))
    constraints = service["Spec"]["TaskTemplate"].get("Placement", {}).get("Constraints") or []
    return sum(all(admits(constraint, node) for constraint in constraints) for node in nodes)


def service_state(service: Record, tasks: list[Record], nodes: list[Record]) -> ServiceState:
    """Return what is missing until a service runs as specified on the usable nodes."""
    is_job = service["Spec"]["TaskTemplate"].get("RestartPolicy", {}).get("Condition") == "on-failure"
    state = _job_state(service, tasks) if is_job else _running_state(service, tasks, nodes)
    depends_on = service["Spec"].get("Labels", {}).get(DEPENDS_ON, "")
    failed_tasks = tuple(task["ID"] for task in _failures(service, tasks))
    return replace(state, failed_tasks=failed_tasks, depends_on=tuple(filter(None, depends_on.split(","))))


def _running_state(service: Record, tasks: list[Record], nodes: list[Record]) -> ServiceState:
    name, image = service["Spec"]["Name"], _image(service["Spec"]["TaskTemplate"])
    places = {node["ID"] for node in nodes}
    wanted = [task for task in tasks if task["DesiredState"] == "running" and task.get("NodeID", "") in places]
    good = frozenset(task["ID"] for task in wanted if task["Status"]["State"] == "running" and _image(task["Spec"]) == image)
    expected, failures = expected_tasks(service, nodes), _failures(service, tasks)
    findings = list(_update_findings(service))
    if len(good) != expected or len(wanted) != len(good):
        reasons = _errors(failures) or sorted({task["Status"]["State"] for task in wanted if task["ID"] not in good})
        reason = "; ".join([f"{len(good)} of {expected} tasks run", *reasons])
        findings.append(Finding(name, reason, has_failures=bool(failures)))
    return ServiceState(tuple(findings), good, any(task["Status"]["State"] == "preparing" for task in wanted))


def _job_state(service: Record, tasks: list[Record]) -> ServiceState:
    """Return the state of a service whose task ends when its work is done."""
    name, image = service["Spec"]["Name"], _image(service["Spec"]["TaskTemplate"])
    current = sorted((task for task in tasks if _image(task["Spec"]) == image), key=lambda task: str(task.get("CreatedAt", "")))
    newest, findings = current[-1:], list(_update_findings(service))
    state = newest[0]["Status"]["State"] if newest else "without a task"
    good = frozenset(task["ID"] for task in newest if state == "complete")
    if not good:
        failures = _failures(service, tasks)
        reasons = _errors(failures) or [state]
        findings.append(Finding(name, f"its work is not complete; {'; '.join(reasons)}", has_failures=bool(failures)))
    return ServiceState(tuple(findings), good, state == "preparing")


def _update_findings(service: Record) -> list[Finding]:
    update = service.get("UpdateStatus") or {}
    state = update.get("State", "completed")
    if state == "completed":
        return []
    reason = f"its update is {state}: {update.get('Message', '')}".rstrip(": ")
    is_failed = state in FAILED_UPDATES
    return [Finding(service["Spec"]["Name"], reason, is_final=is_failed, has_failures=is_failed)]


def _failures(service: Record, tasks: list[Record]) -> list[Record]:
    """Return the tasks that ended by themselves since the last update of the service began, the newest first."""
    since = (service.get("UpdateStatus") or {}).get("StartedAt", "")
    found = [task for task in tasks if task["Status"]["State"] in FAILED_TASKS and task.get("CreatedAt", "") >= since]
    return sorted(found, key=lambda task: str(task.get("CreatedAt", "")), reverse=True)


def _errors(tasks: list[Record]) -> list[str]:
    return sorted({task["Status"].get("Err", "") for task in tasks} - {""})


def _image(template: Record) -> str:
    return str(template["ContainerSpec"]["Image"])


class Watch:
    """Decides over successive observations: converged, failed, or still waiting.

    Each service has a clock of its own. It starts again when the service makes progress, and as long as a service that it depends on does
    not run: a service is not blamed for what it waits for. A moment without a finding is not progress: one that crashes in a loop has many.
    """

    def __init__(self, now: float, stable_seconds: float, crash_seconds: float, timeout_seconds: float) -> None:
        self._stable_seconds, self._crash_seconds, self._timeout_seconds = stable_seconds, crash_seconds, timeout_seconds
        self._stable_since = now
        self._progress_at: dict[str, float] = {}
        self._last_finding_at: dict[str, float] = {}
        self._most_good: dict[str, int] = {}
        self._good: frozenset[str] | None = None

    def observe(self, now: float, states: dict[str, ServiceState]) -> tuple[str, list[str]]:
        """Return `converged`, `failed` or `waiting` after an observation of all services, and the services that failed."""
        findings = [finding for state in states.values() for finding in state.findings]
        good = frozenset().union(*(state.good_tasks for state in states.values()))
        if findings or good != self._good:
            self._stable_since, self._good = now, good
        for name, state in states.items():
            self._restart_clock(name, state, now, states)
        if not findings:
            return ("converged" if now - self._stable_since >= self._stable_seconds else "waiting"), []
        failed = [name for name, state in states.items() if self._is_overdue(now - self._progress_at[name], state)]
        return ("failed" if failed else "waiting"), failed

    def _restart_clock(self, name: str, state: ServiceState, now: float, states: dict[str, ServiceState]) -> None:
        is_first_pull = state.is_preparing and not state.has_failures  # an image that cannot be pulled is tried for ever
        has_progress = is_first_pull or len(state.good_tasks) > self._most_good.get(name, 0)
        self._most_good[name] = max(len(state.good_tasks), self._most_good.get(name, 0))
        if state.findings:
            self._last_finding_at[name] = now
        is_stable = now - self._last_finding_at.setdefault(name, now) >= self._stable_seconds
        waits = any(states[other].findings for other in state.depends_on if other in states)
        if has_progress or waits or is_stable or name not in self._progress_at:
            self._progress_at[name] = now

    def _is_overdue(self, seconds: float, state: ServiceState) -> bool:
        """Whether a service has made no progress for too long, or its update has failed."""
        patience = self._crash_seconds if state.has_failures and not state.is_preparing else self._timeout_seconds
        return any(finding.is_final for finding in state.findings) or seconds > patience
