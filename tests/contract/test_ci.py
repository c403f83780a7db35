"""`.ci/run` installs each program that the test hosts need; util-linux is on every Debian."""

from pathlib import Path

from support.hosts.prerequisites import PACKAGES

SCRIPT = (Path(__file__).resolve().parents[2] / ".ci" / "run").read_text()


def test_every_program_of_the_test_hosts_is_installed() -> None:
    lines = [
        f"command -v {program} > /dev/null || missing+=({package})" for program, package in PACKAGES.items() if package != "util-linux"
    ]
    assert [line for line in lines if line not in SCRIPT] == []
