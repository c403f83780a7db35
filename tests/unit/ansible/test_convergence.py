"""Whether a stack runs as specified, decided from what Docker's API reports."""

from typing import Any

import pytest

from ansible.plugins.module_utils.convergence import ServiceState, Watch, admits, service_state, usable_nodes

Record = dict[str, Any]

OLD, NEW = "registry.test/collector:1", "registry.test/collector:2"


def node(name: str, *, state: str = "ready", availability: str = "active", role: str = "worker", **labels: str) -> Record:
    spec = {"Availability": availability, "Role": role, "Labels": {f"headrace.{key}": value for key, value in labels.items()}}
    return {"ID": name, "Description": {"Hostname": name}, "Status": {"State": state}, "Spec": spec}


NODES = [node("n1", edge="true"), node("n2", edge="true"), node("n3")]


def service(*, replicas: int | None = None, update: Record | None = None, condition: str = "any", labels: Record | None = None) -> Record:
    template = {
        "ContainerSpec": {"Image": NEW},
        "RestartPolicy": {"Condition": condition},
        "Placement": {"Constraints": [] if replicas else ["node.labels.headrace.edge == true"]},
    }
    mode: Record = {"Replicated": {"Replicas": replicas}} if replicas else {"Global": {}}
    found: Record = {"Spec": {"Name": "headrace_collector", "Mode": mode, "TaskTemplate": template, "Labels": labels or {}}}
    return found | ({"UpdateStatus": update} if update else {})


def task(
    name: str, place: str, *, state: str = "running", wanted: str = "running", image: str = NEW, error: str = "", created: str = "1"
) -> Record:
    status = {"State": state} | ({"Err": error} if error else {})
    return {
        "ID": name,
        "NodeID": place,
        "DesiredState": wanted,
        "CreatedAt": created,
        "Status": status,
        "Spec": {"ContainerSpec": {"Image": image}},
    }


def reasons(state: ServiceState) -> list[str]:
    return [finding.reason for finding in state.findings]


@pytest.mark.parametrize(
    ("constraint", "admitted"),
    [
        ("node.labels.headrace.edge == true", ["n1", "n2"]),
        ("node.labels.headrace.edge==true", ["n1", "n2"]),
        ("node.labels.headrace.edge != true", ["n3"]),
        ("node.hostname == n3", ["n3"]),
        ("node.role == worker", ["n1", "n2", "n3"]),
        ("node.role == manager", []),
    ],
)
def test_a_constraint_admits_the_nodes_with_its_value(constraint: str, admitted: list[str]) -> None:
    assert [item["ID"] for item in NODES if admits(constraint, item)] == admitted


def test_nodes_that_are_down_or_drained_are_not_usable() -> None:
    assert usable_nodes([node("a"), node("b", state="down"), node("c", availability="drain")]) == [node("a")]


def test_a_global_service_runs_on_each_node_that_its_constraints_admit() -> None:
    state = service_state(service(), [task("1", "n1"), task("2", "n2")], NODES)
    assert (reasons(state), set(state.good_tasks)) == ([], {"1", "2"})


def test_a_replicated_service_needs_its_replicas() -> None:
    assert reasons(service_state(service(replicas=2), [task("1", "n3")], NODES)) == ["1 of 2 tasks run"]
    assert reasons(service_state(service(replicas=1), [task("1", "n3")], NODES)) == []


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (task("2", "n2", state="starting"), "1 of 2 tasks run; starting"),
        (task("2", "n2", image=OLD), "1 of 2 tasks run; running"),
        (task("2", "n2", state="failed", wanted="shutdown", error="task: non-zero exit (1)"), "1 of 2 tasks run; task: non-zero exit (1)"),
    ],
)
def test_a_task_that_does_not_run_the_image_is_missing(second: Record, reason: str) -> None:
    assert reasons(service_state(service(), [task("1", "n1"), second], NODES)) == [reason]


def test_a_task_on_a_lost_node_is_neither_expected_nor_counted() -> None:
    state = service_state(service(), [task("1", "n1"), task("2", "n2")], [NODES[0], NODES[2]])
    assert (reasons(state), set(state.good_tasks)) == ([], {"1"})


@pytest.mark.parametrize(
    ("update", "is_final"),
    [("updating", False), ("paused", True), ("rollback_started", True), ("rollback_completed", True), ("rollback_paused", True)],
)
def test_an_update_that_is_not_complete_is_reported(update: str, is_final: bool) -> None:
    state = service_state(service(update={"State": update, "Message": "task failed"}), [task("1", "n1"), task("2", "n2")], NODES)
    assert [(finding.reason, finding.is_final) for finding in state.findings] == [(f"its update is {update}: task failed", is_final)]


def test_failures_before_the_present_update_do_not_count() -> None:
    failed = task("0", "n2", state="failed", wanted="shutdown", error="exit 1", created="2026-01-01T00:00:00Z")
    update = {"State": "completed", "StartedAt": "2026-01-02T00:00:00Z"}
    state = service_state(service(update=update), [task("1", "n1"), failed], NODES)
    assert (reasons(state), state.failed_tasks) == (["1 of 2 tasks run"], ())


def test_the_newest_failure_comes_first() -> None:
    tasks = [task(str(number), "n1", state="failed", wanted="shutdown", created=str(number)) for number in (1, 3, 2)]
    assert service_state(service(), tasks, NODES).failed_tasks == ("3", "2", "1")


def test_a_job_runs_as_specified_when_its_newest_task_is_complete() -> None:
    job = service(replicas=1, condition="on-failure")
    failed = task("1", "n1", state="failed", wanted="shutdown", error="exit 1", created="1")
    complete = task("2", "n1", state="complete", wanted="shutdown", created="2")
    assert service_state(job, [complete, failed], NODES).findings == ()
    assert reasons(service_state(job, [failed], NODES)) == ["its work is not complete; exit 1"]
    assert reasons(service_state(job, [], NODES)) == ["its work is not complete; without a task"]
    assert reasons(service_state(job, [task("3", "n1", state="complete", image=OLD)], NODES)) == [
        "its work is not complete; without a task"
    ]


# -- over time: 5 s without a change, 100 s of crashes, 300 s of anything else


def watch() -> Watch:
    return Watch(0, stable_seconds=5, crash_seconds=100, timeout_seconds=300)


def good(*names: str) -> ServiceState:
    return ServiceState((), frozenset(names), is_preparing=False)


def bad(**values: Any) -> ServiceState:
    state = service_state(service(), [task("1", "n1", state="starting")], NODES)
    return ServiceState(state.findings, values.pop("good_tasks", frozenset()), **{"is_preparing": False, **values})


def crashing(**values: Any) -> ServiceState:
    state = service_state(service(), [task("1", "n1", state="failed", wanted="shutdown", error="exit 1")], NODES)
    return ServiceState(state.findings, frozenset(), is_preparing=False, **values)


def test_a_stack_has_converged_after_some_seconds_without_a_change() -> None:
    observed = watch()
    assert observed.observe(0, {"a": good("1")}) == ("waiting", [])
    assert observed.observe(4, {"a": good("2")}) == ("waiting", [])
    assert observed.observe(8, {"a": good("2")}) == ("waiting", [])
    assert observed.observe(9, {"a": good("2")}) == ("converged", [])


@pytest.mark.parametrize("other", [good("9"), bad()])
def test_a_service_that_crashes_in_a_loop_fails_although_it_runs_for_moments(other: ServiceState) -> None:
    observed = watch()
    for second in range(101):
        crashes = {"a": good("1") if second % 10 < 3 else crashing(), "b": other}
        assert observed.observe(second, crashes)[0] == "waiting"
    assert observed.observe(103, {"a": crashing(), "b": other}) == ("failed", ["a"])


def test_a_service_that_ran_for_a_while_has_its_whole_time_again() -> None:
    observed = watch()
    for second in range(100):
        observed.observe(second, {"a": good("1"), "b": bad()})
    assert observed.observe(180, {"a": crashing(), "b": bad()})[0] == "waiting"
    assert observed.observe(200, {"a": crashing(), "b": bad()}) == ("failed", ["a"])


def test_a_service_that_waits_without_a_crash_has_more_time() -> None:
    observed = watch()
    observed.observe(0, {"a": bad()})
    assert observed.observe(299, {"a": bad()})[0] == "waiting"
    assert observed.observe(301, {"a": bad()}) == ("failed", ["a"])


def test_pulled_images_and_more_tasks_are_progress() -> None:
    observed = watch()
    observed.observe(0, {"a": bad()})
    observed.observe(250, {"a": bad(is_preparing=True)})
    observed.observe(500, {"a": bad(good_tasks=frozenset("1"))})
    assert observed.observe(790, {"a": bad()})[0] == "waiting"
    assert observed.observe(801, {"a": bad()}) == ("failed", ["a"])


def test_an_image_that_cannot_be_pulled_fails_although_it_is_tried_again_and_again() -> None:
    rejected = task("1", "n1", state="rejected", wanted="shutdown", error="No such image")
    state = service_state(service(), [rejected, task("2", "n1", state="preparing")], NODES)
    assert state.is_preparing
    observed = watch()
    observed.observe(0, {"a": state})
    assert observed.observe(299, {"a": state})[0] == "waiting"
    assert observed.observe(301, {"a": state}) == ("failed", ["a"])


def test_a_failed_update_fails_at_once() -> None:
    paused = service_state(service(update={"State": "paused"}), [task("1", "n1"), task("2", "n2")], NODES)
    assert watch().observe(0, {"a": paused, "b": good("3")}) == ("failed", ["a"])


def test_a_service_is_not_blamed_for_the_one_that_it_waits_for() -> None:
    observed = watch()
    states = {"kafka": bad(), "converter": crashing(depends_on=("kafka",))}
    observed.observe(0, states)
    assert observed.observe(299, states)[0] == "waiting"
    assert observed.observe(301, states) == ("failed", ["kafka"])
