"""The services that run of a stack, compared with a stack file, and the earlier stack files, kept as configs of the Swarm."""

from __future__ import annotations

import base64
import json
from typing import Any

Record = dict[str, Any]

DEFINITION = "headrace.definition"
RECORD_PREFIX = "headrace-stack_v"
ATTEMPT_PREFIX = "headrace-attempt_v"
OWNED = "headrace.kind"  # the label of our configs and secrets


def running_definitions(services: list[Record], stack: str) -> dict[str, str]:
    """Return the hash of the definition that each service was deployed with; empty for a service of another origin."""
    prefix = f"{stack}_"
    return {
        service["Spec"]["Name"][len(prefix) :]: service["Spec"].get("Labels", {}).get(DEFINITION, "")
        for service in services
        if service["Spec"]["Name"].startswith(prefix)
    }


def records(configs: list[Record], prefix: str = RECORD_PREFIX) -> list[Record]:
    """Return the stack files that ran as specified, the newest first; with another prefix, those that were tried."""
    numbered = {}
    for config in configs:
        name = config["Spec"]["Name"]
        if name.startswith(prefix):
            numbered[int(name[len(prefix) :])] = json.loads(base64.b64decode(config["Spec"]["Data"]))
    return [numbered[number] for number in sorted(numbered, reverse=True)]


def rollback_target(attempts: list[Record], history: list[Record]) -> Record | None:
    """Return the stack file to return to: the one before the present one, or the newest if the last attempt never ran."""
    has_failed = attempts[:1] != history[:1]
    return next(iter(history[0 if has_failed else 1 :]), None)


def difference(running: dict[str, str], wanted: Record) -> dict[str, list[str]]:
    """Return the names of the services that a deployment adds, changes and removes."""
    definitions = {name: service["deploy"]["labels"][DEFINITION] for name, service in wanted["services"].items()}
    return {
        "added": sorted(definitions.keys() - running.keys()),
        "changed": sorted(name for name in definitions.keys() & running.keys() if definitions[name] != running[name]),
        "removed": sorted(running.keys() - definitions.keys()),
    }


def known_definition(name: str, definition: str, history: list[Record]) -> Record:
    """Return the service with this definition from the earlier stack files; empty if none has it."""
    for stack in history:
        service: Record = stack["services"].get(name, {})
        if service.get("deploy", {}).get("labels", {}).get(DEFINITION) == definition:
            return service
    return {}


def changed_keys(before: Any, after: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the places that differ, with both values; the hash itself is not among them."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {} if before == after else {place: (before, after)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(before.keys() | after.keys(), key=str):
        if key != DEFINITION:
            found.update(changed_keys(before.get(key), after.get(key), f"{place}.{key}" if place else str(key)))
    return found


def unused(owned: list[Record], services: list[Record], history: list[Record]) -> list[str]:
    """Return the names of our configs or secrets that no service uses and no earlier stack file needs."""
    text = json.dumps([service["Spec"] for service in services])
    needed = {name for stack in history for name in (*stack.get("configs", {}), *stack.get("secrets", {}))}
    names = [item["Spec"]["Name"] for item in owned if item["Spec"].get("Labels", {}).get(OWNED)]
    return sorted(name for name in names if name not in needed and json.dumps(name) not in text)
