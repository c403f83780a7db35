"""The jars of the engines are fetched once, whole or not at all."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from headrace.engines.jars import EXTENSIONS, POMS, fetch, find_java, stamp
from headrace.errors import CommandError


@dataclass
class Machine:
    """A machine on which the programs are scripts of the test."""

    programs: Path
    store: Path

    def install(self, name: str, script: str) -> None:
        self.programs.mkdir(exist_ok=True)
        path = self.programs / name
        path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{script}\n")
        path.chmod(0o755)

    def fetch(self) -> Path:
        return fetch(Console(), store=self.store)


COPY = f"""
jars = pathlib.Path(next(argument for argument in sys.argv if argument.startswith("-Djars=")).removeprefix("-Djars="))
print("Downloaded from central: https://repository.example/a/library-1.0.jar (5 kB)")
for module in ("kafka", "druid", *{EXTENSIONS}):
    (jars / module).mkdir()
    (jars / module / f"{{module}}-33.0.0.jar").touch()
(jars / "druid" / "guava-32.0.1-jre.jar").touch()
(jars / "{EXTENSIONS[0]}" / "guava-31.0-android.jar").touch()
(jars / "{EXTENSIONS[0]}" / "guava-extra-1.0.jar").touch()
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    return Machine(tmp_path / "programs", tmp_path / "store")


def test_without_maven_it_is_said_what_to_install(machine: Machine) -> None:
    with pytest.raises(CommandError, match="Maven, which downloads Kafka and Druid, is not installed; on Debian: apt-get install maven"):
        machine.fetch()


def test_without_java_it_is_said_what_to_install(machine: Machine) -> None:
    with pytest.raises(CommandError, match=r"need Java 17 or newer, but there is none in PATH; on Debian: .*default-jre-headless"):
        find_java()


def test_an_old_java_is_refused(machine: Machine) -> None:
    machine.install("java", """print('openjdk version "11.0.2" 2019-01-15', file=sys.stderr)""")
    with pytest.raises(CommandError, match=r"java is version 11; .* or set another one in JAVA_HOME"):
        find_java()


def test_a_program_that_is_not_java_is_rejected(machine: Machine) -> None:
    machine.install("java", "print('hello')")
    with pytest.raises(CommandError, match="java does not report its version"):
        find_java()


def test_java_home_says_which_java(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = Machine(tmp_path / "bin", tmp_path)
    home.install("java", """print('openjdk version "25" 2025-09-16', file=sys.stderr)""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == str(tmp_path / "bin" / "java")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(CommandError, match="there is none in JAVA_HOME"):
        find_java()


def test_jars_are_fetched_once_for_the_poms_there_are(machine: Machine) -> None:
    machine.install("mvn", COPY)
    jars = machine.fetch()
    assert jars == machine.store / stamp(POMS)
    machine.install("mvn", "raise SystemExit('not again')")
    assert machine.fetch() == jars


def test_an_extension_has_no_library_that_druid_has(machine: Machine) -> None:
    machine.install("mvn", COPY)
    extension = machine.fetch() / EXTENSIONS[0]
    assert sorted(jar.name for jar in extension.iterdir()) == [f"{EXTENSIONS[0]}-33.0.0.jar", "guava-extra-1.0.jar"]


def test_a_fetch_that_fails_says_why_and_leaves_nothing(machine: Machine) -> None:
    machine.install("mvn", f"{COPY}\nprint('[INFO] hello')\nprint('[ERROR] no such artifact')\nraise SystemExit(1)")
    with pytest.raises(CommandError, match=r"Maven could not download Kafka and Druid:\n  \[ERROR\] no such artifact$"):
        machine.fetch()
    assert [path.name for path in machine.store.iterdir()] == ["lock"]


def test_leftovers_of_a_killed_fetch_are_removed(machine: Machine) -> None:
    machine.install("mvn", COPY)
    (machine.store / "new-killed" / "kafka").mkdir(parents=True)
    jars = machine.fetch()
    assert sorted(path.name for path in machine.store.iterdir()) == sorted((jars.name, "lock"))


def test_other_poms_are_other_jars(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    pom = tmp_path / "kafka" / "pom.xml"
    pom.write_text("<project>1</project>")
    first = stamp(tmp_path)
    pom.write_text("<project>2</project>")
    assert stamp(tmp_path) != first
