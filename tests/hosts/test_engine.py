"""Docker upgraded host by host under load."""

import shutil
from pathlib import Path

import pytest
from support.hosts.debian import REPOSITORY
from support.hosts.events import check_one_row_each, load
from support.hosts.folders import RUN
from support.hosts.processes import run
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole
NEWER = "+test1"


def repository_with_newer_docker(root: Path) -> Path:
    """Return a folder with Docker's package under a newer version number and with the list of all packages; the programs are the same."""
    (package,) = (root / REPOSITORY).glob("docker.io_*.deb")
    folder, unpacked = RUN / "newer", RUN / "newer-unpacked"
    folder.mkdir()
    run("dpkg-deb", "--raw-extract", package, unpacked)
    control = unpacked / "DEBIAN/control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text("".join(f"{line.rstrip()}{NEWER}\n" if line.startswith("Version:") else line for line in lines))
    run("dpkg-deb", "--build", "-Zgzip", "-z1", unpacked, folder / "newer-docker.deb")
    listed = run("sh", "-c", f"cd {folder} && dpkg-scanpackages .")
    (folder / "Packages").write_text((root / REPOSITORY / "Packages").read_text() + listed)
    return folder


def test_an_upgrade_of_docker_loses_no_event(deployed: Testbed, findings: list[str]) -> None:
    folder = repository_with_newer_docker(deployed.root)
    for host in deployed.hosts:
        shutil.copytree(folder, host.files / REPOSITORY, dirs_exist_ok=True)
    upgrade = ("--tags", "docker", "--extra-vars", '{"headrace_docker_upgrade": true}')
    with load(deployed, rate=60) as sent:
        deployed.ansible.succeed("site.yml", *upgrade, timeout_seconds=1500)
    findings.append(f"upgrade of Docker on {len(deployed.hosts)} hosts: {sent.describe()}")
    for host in deployed.hosts:
        assert NEWER in host.run("dpkg-query", "--show", "--showformat", "${Version}", "docker.io")
    check_one_row_each(deployed, sent, within_seconds=240)
    assert set(deployed.ansible.succeed("site.yml", *upgrade).changed.values()) == {0}
