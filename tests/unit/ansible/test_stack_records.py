"""A stack file compared with what runs, and the records of earlier ones."""

import base64
import json
from typing import Any

import pytest

from ansible.plugins.module_utils.stack_records import (
    DEFINITION,
    changed_keys,
    difference,
    known_definition,
    records,
    rollback_target,
    running_definitions,
    unused,
)

Record = dict[str, Any]


def stack(**definitions: str) -> Record:
    return {
        "services": {name: {"image": f"{name}:{value}", "deploy": {"labels": {DEFINITION: value}}} for name, value in definitions.items()}
    }


def running(name: str, **labels: str) -> Record:
    return {"Spec": {"Name": name, "Labels": labels}}


def config(name: str, content: object = "", *, is_owned: bool = True) -> Record:
    data = base64.b64encode(json.dumps(content).encode()).decode()
    return {"Spec": {"Name": name, "Data": data, "Labels": {"headrace.kind": "config"} if is_owned else {}}}


def test_the_services_of_the_stack_are_read_with_the_definition_that_they_were_deployed_with() -> None:
    services = [running("headrace_nginx", **{DEFINITION: "1"}), running("headrace_other"), running("another_nginx", **{DEFINITION: "9"})]
    assert running_definitions(services, "headrace") == {"nginx": "1", "other": ""}


def test_a_difference_names_exactly_the_services_that_change() -> None:
    found = difference({"nginx": "1", "collector": "1", "old": "1"}, stack(nginx="1", collector="2", forwarder="1"))
    assert found == {"added": ["forwarder"], "changed": ["collector"], "removed": ["old"]}
    assert not any(difference({"nginx": "1"}, stack(nginx="1")).values())


def test_the_newest_record_comes_first_whatever_the_number_of_its_digits() -> None:
    configs = [config(f"headrace-stack_v{number}", {"number": number}) for number in (2, 10, 9)]
    assert records([*configs, config("headrace-edge.conf-0123")]) == [{"number": 10}, {"number": 9}, {"number": 2}]


@pytest.mark.parametrize(
    ("attempts", "history", "target"),
    [
        ("c", "cba", "b"),  # the last attempt runs
        ("d", "cba", "c"),  # the last attempt never ran
        ("b", "bcba", "c"),  # after a rollback
        ("c", "c", None),
        ("c", "", None),
        ("", "", None),
    ],
)
def test_a_rollback_returns_to_the_stack_file_that_ran_before(attempts: str, history: str, target: str | None) -> None:
    files = {version: {"version": version} for version in "abcd"}
    assert rollback_target([files[version] for version in attempts], [files[version] for version in history]) == files.get(target or "")


def test_the_definition_that_runs_is_found_in_the_records() -> None:
    history = [stack(nginx="3"), stack(nginx="2")]
    assert known_definition("nginx", "2", history)["image"] == "nginx:2"
    assert known_definition("nginx", "1", history) == {}
    assert known_definition("collector", "3", history) == {}


def test_changed_keys_are_the_places_that_differ_but_not_the_hash() -> None:
    before = {"image": "a:1", "deploy": {"labels": {DEFINITION: "1"}, "replicas": 1}, "user": "1"}
    after = {"image": "a:2", "deploy": {"labels": {DEFINITION: "2"}, "replicas": 1}, "secrets": ["s"]}
    assert changed_keys(before, after) == {"image": ("a:1", "a:2"), "user": ("1", None), "secrets": (None, ["s"])}


def test_only_our_own_objects_that_nothing_needs_are_unused() -> None:
    services = [{"Spec": {"TaskTemplate": {"Configs": [{"ConfigName": "used"}]}}}]
    owned = [config("used"), config("use"), config("recorded"), config("foreign", is_owned=False)]
    assert unused(owned, services, [{"configs": {"recorded": {}}, "secrets": {}}]) == ["use"]
