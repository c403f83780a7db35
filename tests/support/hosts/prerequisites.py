"""The programs and rights that the test hosts need from the machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest
from support.hosts.folders import PROJECT

PACKAGES: Final = {
    "mmdebstrap": "mmdebstrap",
    "dpkg-scanpackages": "dpkg-dev",
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "ssh": "openssh-client",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "mvn": "maven",
    "java": "default-jre-headless",
    "curl": "curl",
    "pgrep": "procps",
}
ANSIBLE: Final = PROJECT / ".venv-ansible" / "bin"
CGROUPS: Final = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")


def end_run(reason: str) -> NoReturn:
    """End the run with one line: why the test hosts cannot run on this machine, and the remedy."""
    pytest.exit(f"make test-hosts cannot run here: {reason}", returncode=2)


def check_machine() -> None:
    """End the run if the machine lacks something."""
    for message in _missing():
        end_run(message)


def _missing() -> Iterator[str]:
    if os.geteuid() != 0:
        yield "it creates namespaces and mounts; run it as root"
    packages = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if packages:
        yield f"programs are missing; apt-get install {' '.join(packages)}"
    groups = [name for name in CGROUPS if not Path("/sys/fs/cgroup", name).is_dir()]
    if groups:
        yield f"/sys/fs/cgroup lacks the cgroup v1 hierarchies {', '.join(groups)}; start Linux with systemd.unified_cgroup_hierarchy=0"
    if "overlay" not in Path("/proc/filesystems").read_text():
        yield "the kernel has no overlay file system; modprobe overlay"
    if not (ANSIBLE / "ansible-playbook").exists():
        yield ".venv-ansible is missing; start it with make"
