"""Labels of hosts: set from the groups of the inventory, and never moved away from data."""

import pytest

from ansible.plugins.filter.labels import label_errors, node_labels

GROUPS = {"edge": ["a", "b", "c"], "kafka": ["b", "c", "a"], "druid": ["a"], "dashboards": ["b"]}
WANTED = {host.upper(): node_labels(GROUPS, host) for host in "abc"}


def node(name: str, **labels: str) -> dict[str, object]:
    return {
        "ID": name.upper(),
        "Description": {"Hostname": name},
        "Spec": {"Labels": {f"headrace.{key}": value for key, value in labels.items()}},
    }


def test_brokers_are_numbered_in_the_order_of_their_group() -> None:
    assert WANTED == {
        "A": {"headrace.edge": "true", "headrace.druid": "true", "headrace.kafka": "3"},
        "B": {"headrace.edge": "true", "headrace.dashboards": "true", "headrace.kafka": "1"},
        "C": {"headrace.edge": "true", "headrace.kafka": "2"},
    }


def test_a_host_without_a_group_has_no_label() -> None:
    assert node_labels(GROUPS, "d") == {}
    assert node_labels({}, "a") == {}


def test_new_hosts_and_unchanged_labels_are_accepted() -> None:
    assert label_errors([node("a"), node("b", edge="true", dashboards="true", kafka="1"), node("c")], WANTED) == []


@pytest.mark.parametrize(
    ("held", "change"),
    [
        (node("a", kafka="1"), "has become number 3 of the group kafka"),
        (node("c", druid="true"), "has left the group druid"),
        (node("c", dashboards="true"), "has left the group dashboards"),
        (node("lost", kafka="2"), "is not in the inventory, and C would take its place"),
        (node("lost", druid="true"), "is not in the inventory, and A would take its place"),
    ],
)
def test_a_label_that_would_move_is_an_error_with_a_remedy(held: dict[str, object], change: str) -> None:
    (error,) = label_errors([held], WANTED)
    assert change in error
    assert "docker node update --label-rm" in error


def test_an_edge_host_that_left_the_inventory_is_not_an_error() -> None:
    assert label_errors([node("lost", edge="true")], WANTED) == []
