"""Filters for the labels of the hosts: which services may run there. A label that data belongs to never moves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

PREFIX: Final = "headrace."
# The spool of an edge host may hold events that Kafka does not have yet; the others name the one host of a volume.
UNIQUE: Final = frozenset({"headrace.kafka", "headrace.druid", "headrace.dashboards"})

Labels = dict[str, str]


def node_labels(groups: Mapping[str, Sequence[str]], host: str) -> Labels:
    """Return the labels of a host: brokers are numbered in the order of the group kafka."""
    labels = {f"{PREFIX}{group}": "true" for group in ("edge", "druid", "dashboards") if host in groups.get(group, ())}
    brokers = list(groups.get("kafka", ()))
    return labels | ({f"{PREFIX}kafka": str(brokers.index(host) + 1)} if host in brokers else {})


def label_errors(nodes: Iterable[Mapping[str, Any]], wanted: Mapping[str, Labels]) -> list[str]:
    """Return why labels may not be set: a host would lose one, or two hosts would have the same."""
    errors = []
    for node in nodes:
        name, identifier = node["Description"]["Hostname"], node["ID"]
        held = {
            label: value for label, value in (node["Spec"].get("Labels") or {}).items() if label.startswith(PREFIX) and value != "false"
        }
        for label, value in held.items():
            found = wanted.get(identifier, {}).get(label)
            if found == value:
                continue
            group = label.removeprefix(PREFIX)
            if found is None and identifier in wanted:
                change = f"has left the group {group}"
            elif found is not None:
                change = f"has become number {found} of the group {group}"
            elif takers := [other for other, labels in wanted.items() if label in UNIQUE and labels.get(label) == value]:
                change = f"is not in the inventory, and {', '.join(takers)} would take its place"
            else:
                continue
            errors.append(
                f"{name} holds data as {label}={value}, but {change}: the data would stay behind. Restore the order and the hosts of the "
                f"group {group}; if the data is lost or not needed, run: docker node update --label-rm {label} {identifier}"
            )
    return errors


class FilterModule:
    """The filters of this file, under the names that playbooks use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"node_labels": node_labels, "label_errors": label_errors}
