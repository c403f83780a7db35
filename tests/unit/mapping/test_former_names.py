"""Mappings of sites and settings that name the language and the built-in mappings as 0.3.0 did."""

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from support.mapping.mappings import MAPPINGS, SCHEMAS

import mapping
from collector.encoders.loader import read_plan
from mapping.dsl.names import NAMES
from mapping.evaluation import evaluate

RULES = "\nmap_(event_type()).onto('type')\nmap_(location().uri().path()).onto('path')\n"


@pytest.mark.parametrize("names", ["*", "event_type, location, map_", "(\n    event_type,\n    location,\n    map_,\n)"])
def test_a_mapping_may_import_from_the_former_package(names: str, tmp_path: Path) -> None:
    with pytest.warns(FutureWarning, match="import from mapping, not from collector.mapping") as shown:
        former = evaluate(f"from collector.mapping import {names}{RULES}".encode(), str(tmp_path / "own.py"))
    assert (shown[0].filename, shown[0].lineno) == (str(tmp_path / "own.py"), 1)
    present = evaluate(f"from mapping import {names}{RULES}".encode(), str(tmp_path / "own.py"))
    assert (former.statements, former.faults) == (present.statements, [])


def test_a_file_that_several_sources_load_warns_once(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(3):
            evaluate(b"from collector.mapping import *" + RULES.encode(), str(tmp_path / "own.py"))
    assert len(shown) == 1


def test_a_name_that_the_language_lacks_is_reported_for_the_former_package_too(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning):
        plan = evaluate(b"from collector.mapping import refferer", str(tmp_path / "own.py"))
    assert [line for line, text in plan.faults if "did you mean 'referrer'?" in text] == [1]


def test_the_former_package_has_all_names_and_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="import from mapping"):
        former = importlib.import_module("collector.mapping")
    assert {name: getattr(former, name) for name in former.__all__} == {name: getattr(mapping, name) for name in NAMES}


def test_an_operator_sees_the_warning_by_default_and_the_mapping_works(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("from collector.mapping import event_key, map_\nmap_(event_key()).onto('event_id')\n")
    script = "import sys, pathlib; from collector.encoders.loader import read_plan; print(read_plan(pathlib.Path(sys.argv[1])).faults)"
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "own.py"], cwd=MAPPINGS.parent, capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr.count("own.py:1: FutureWarning: import from mapping")) == ("[]\n", 1)


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("clickstream_mapping.py", "clickstream.py"),
        ("divolte/default_mapping.py", "divolte.py"),
        ("divolte/../clickstream_mapping.py", "clickstream.py"),
    ],
)
def test_settings_may_name_the_built_in_mappings_by_their_former_paths(former: str, present: str) -> None:
    assert read_plan(SCHEMAS / former) == read_plan(MAPPINGS / present)


@pytest.mark.parametrize("command", [["collector", "--help"], ["headrace", "mapping", "check", "mapping.py"]])
def test_a_file_named_mapping_in_the_working_directory_does_not_hide_the_package(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "mapping.py").write_bytes((MAPPINGS / "clickstream.py").read_bytes())
    run = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
