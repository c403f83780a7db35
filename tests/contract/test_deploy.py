"""Documents about the deployment match the playbooks: variables, groups, limits of memory, playbooks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE = ROOT / "ansible"
README = (ANSIBLE / "README.md").read_text()
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml") if path.name != "requirements.yml")
INVENTORIES = [ANSIBLE / "inventories" / f"{name}.yml" for name in ("one-host", "three-hosts", "cloud")]
MIB = {"m": 1, "g": 1024}
ON_DEMAND = {"kafka-ui", "kafka-apply", "druid-apply"}


def read(*path: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(ANSIBLE.joinpath(*path).read_text())
    return content


VARIABLES: dict[str, dict[str, Any]] = read("roles", "headrace", "vars", "main.yml")["headrace_variables"]
DEFAULTS = read("roles", "headrace", "defaults", "main.yml")


def as_code(value: object) -> str:
    """Return a value as it is written in the inventory, in a cell of a table."""
    text = value if isinstance(value, str) and value else json.dumps(value)
    return "`" + text.replace("{{ '{{", "{{").replace("}}' }}", "}}").replace("|", "\\|") + "`"


def rows() -> Iterator[str]:
    """Yield the rows of the table of variables."""
    for name, variable in VARIABLES.items():
        default = as_code(DEFAULTS[name]) if name in DEFAULTS else "required"
        yield f"| `{name}` | {variable['type']} | {default} | {as_code(variable['example'])} | {variable['description'].rstrip('.')} |"


def test_the_table_of_variables_has_each_variable_with_its_default() -> None:
    assert re.findall(r"^\| `headrace_.*$", README, re.MULTILINE) == list(rows())


def test_each_default_belongs_to_a_variable() -> None:
    assert DEFAULTS.keys() - VARIABLES.keys() == set()


def test_each_playbook_is_in_the_table_of_playbooks() -> None:
    assert sorted(re.findall(r"^\| `([a-z-]+\.yml)", README, re.MULTILINE)) == PLAYBOOKS


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.name)
def test_an_example_inventory_sets_each_required_variable_and_nothing_unknown(path: Path) -> None:
    values = yaml.safe_load(path.read_text())["all"]["vars"]
    names = {name for name in values if name.startswith("headrace_")}
    assert VARIABLES.keys() - DEFAULTS.keys() - names == set()
    assert names - VARIABLES.keys() == set()


def limits() -> dict[str, float]:
    """Return the limits of memory of docker-compose.yml by group of hosts, in GiB."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    sizes = {name: int(service["mem_limit"][:-1]) * MIB[service["mem_limit"][-1]] for name, service in services.items()}
    groups = {group: set(names) - ON_DEMAND for group, names in read("roles", "stack", "files", "overlay.yml")["groups"].items()}
    groups |= {"edge": {"nginx", "collector", "forwarder"}, "kafka": {"kafka"}, "any host": {"converter"}}
    assert set().union(*groups.values()) == services.keys() - ON_DEMAND
    return {group: sum(sizes[name] for name in names) / 1024 for group, names in groups.items()}


def test_the_limits_of_memory_of_each_group_are_those_of_the_compose_file() -> None:
    table = dict(re.findall(r"^\| ([a-z ]+) \| .* \| ([\d.]+)(?: each)? \|$", DEPLOY, re.MULTILINE))
    assert {group: float(table[group]) for group in limits()} == limits()


def test_the_collections_are_those_of_the_locked_bundle() -> None:
    (folder,) = ROOT.glob(".venv-ansible/lib/python3.*/site-packages/ansible_collections")
    named = {item["name"]: item["version"] for item in read("requirements.yml")["collections"]}
    installed = {
        name: json.loads(folder.joinpath(*name.split("."), "MANIFEST.json").read_text())["collection_info"]["version"] for name in named
    }
    assert named == installed
    used = set(re.findall(r"\b((?:community|ansible)\.(?!builtin)\w+)\.\w+:", "".join(path.read_text() for path in ANSIBLE.rglob("*.yml"))))
    assert used == named.keys()
