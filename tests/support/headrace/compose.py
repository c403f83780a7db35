"""docker-compose.yml and Dockerfile as a test looks at them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(VARIABLE.sub(r"\2", TEXT))  # with every variable at its default
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TARGETS: dict[str, str] = dict(re.findall(r"^FROM service AS (\w+)\n((?:.+\n)+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE))


def target(service: str) -> str:
    """Return the stage of the Dockerfile that builds the image of a service; empty for an image of others."""
    images = {each["image"]: each["build"]["target"] for each in SERVICES.values() if "build" in each}
    return TARGETS.get(images.get(SERVICES[service]["image"], ""), "")


def environment() -> Iterator[tuple[str, str, str]]:
    """Yield the service, name and value of each variable in the environment of a container."""
    for service, content in SERVICES.items():
        for name, value in content.get("environment", {}).items():
            yield service, name, str(value)


def imported(package: str, packages: frozenset[str]) -> set[str]:
    """Return a package and the packages that it imports, directly or indirectly."""
    found, waiting = set[str](), {package}
    while waiting:
        found.add(name := waiting.pop())
        waiting |= _imports(ROOT / name) & packages - found
    return found


def _imports(folder: Path) -> set[str]:
    found = set[str]()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found
