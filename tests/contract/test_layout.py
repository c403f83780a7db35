"""The layout of the repository: its folders, documents and locks."""

import importlib.metadata
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "collector",
    "mapping",
    "cleaning",
    "startup",
    "schemas",
    "topics",
    "enrichment",
    "streams",
    "minidruid",
    "simulator",
    "headrace",
)
COMPONENTS = (
    "tracker",
    "collector",
    "mapping",
    "schemas",
    "topics",
    "enrichment",
    "streams",
    "minidruid",
    "druid",
    "superset",
    "simulator",
    "headrace",
    "engines",
)
PARTS = ["Input", "Output", "Settings", "Run it", "Troubleshooting"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("folder", ["superset", "druid", "engines", "tests", "bench"])
def test_no_init_file_stands_where_it_would_hide_another_package(folder: str) -> None:
    assert list((ROOT / folder).rglob("__init__.py")) == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_has_a_readme_of_the_one_shape(component: str) -> None:
    text = (ROOT / component / "README.md").read_text()
    headings = [heading.partition(":")[0] for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)]
    assert [heading for heading in headings if heading in PARTS] == PARTS
    assert re.match(rf"# {component}(: .+)?\n\n[A-Z`*][^|#]+[.:]\n?", text), "a README begins with the folder's name and a sentence"


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == PROJECT["version"]


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_the_package_of_the_tracker_has_the_version_of_the_project(name: str) -> None:
    assert json.loads((ROOT / "tracker" / name).read_text())["version"] == PROJECT["version"]


def test_no_installed_distribution_brings_a_package_with_one_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    assert {name: owners[name] for name in PACKAGES if set(owners.get(name, ())) - {"headrace"}} == {}


def test_the_project_can_not_be_published_by_accident() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.lock")), ids=lambda lock: lock.name)
def test_a_lock_pins_by_version_and_hash_and_contains_no_url(lock: Path) -> None:
    requirements = re.sub(r"\\\n\s*", " ", lock.read_text())
    lines = [line for line in requirements.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []
    assert "://" not in requirements


def test_the_lock_of_the_tracker_contains_no_url() -> None:
    assert "://" not in re.sub(r'"(url|funding)": "[^"]*"', "", (ROOT / "tracker" / "package-lock.json").read_text())


@pytest.mark.parametrize("lock", ["services.lock", "collector.lock", "forwarder.lock", "streams.lock"])
def test_the_same_versions_are_locked_for_services_and_for_development(lock: str) -> None:
    pins = [
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in (lock, "development.lock")
    ]
    assert {name: (version, pins[1].get(name)) for name, version in pins[0].items() if pins[1].get(name) != version} == {}


def test_every_dependency_of_the_project_is_in_the_lock() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = {re.split(r"[\[<>=;~ ]", name)[0] for group in (PROJECT["dependencies"], *extras.values()) for name in group}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "development.lock").read_text(), re.MULTILINE))
    assert wanted - locked - {"headrace"} == set()


def test_files_over_a_megabyte_are_known() -> None:
    assert [path.relative_to(ROOT).as_posix() for path in tracked_files() if path.stat().st_size > 1_000_000] == []
