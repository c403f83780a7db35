"""The documents match the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import typer.main

from headrace.cli import app
from topics.accounts import OUTCOMES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(path for path in ROOT.glob("*/*.md") if "node_modules" not in path.parts)]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_file_that_exists(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub derives from the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_heading_that_exists(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", document.read_text())
    assert [link for link in links if link[1] not in anchors(document.parent / link[0] if link[0] else document)] == []


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "docs/compose.md"])
def test_the_equation_of_the_ledger_has_each_outcome(document: str) -> None:
    equation = "received = " + " + ".join(name.replace("_", " ") for name in OUTCOMES)
    assert equation in (ROOT / document).read_text()


def test_the_readme_names_only_commands_that_exist() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:^\.venv/bin/|`)headrace ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named - known == set()


def commands(group: typer.core.TyperGroup, prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, f"{name} ")
        else:
            yield prefix + name, [option for parameter in command.params for option in parameter.opts if option.startswith("--")]


def test_the_readme_of_the_command_has_each_command_with_its_options() -> None:
    rows = re.findall(r"^\| `([a-z][a-z -]*)[^|]*\|[^|]+\|([^|]*)\|$", (ROOT / "headrace" / "README.md").read_text(), re.MULTILINE)
    documented = {name.strip(): sorted(re.findall(r"--[a-z-]+", options)) for name, options in rows}
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert documented == {name: sorted(set(options) - {"--state", "--help"}) for name, options in commands(group)}


def test_the_readme_names_only_targets_of_make_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) - targets <= {"to"}


def test_the_readme_names_the_ports_that_are_the_defaults() -> None:
    options = {parameter.name: parameter.default for parameter in typer.main.get_command(app).commands["up"].params}  # type: ignore[attr-defined]
    ports = "collector {collector_port} (internal {internal}), SQL {sql_port}, dashboards {dashboards_port}, shop {shop_port}"
    assert ports.format(internal=options["collector_port"] + 1, **options) in README
