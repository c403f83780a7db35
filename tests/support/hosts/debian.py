"""Root file systems of the test hosts: Debian with systemd, sshd and Python, and a package repository with Docker in it."""

import platform
import shlex
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from support.hosts.folders import cached
from support.hosts.prerequisites import end_run
from support.hosts.processes import run

INSTALLED: Final = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-venv", "python3-apt", "ca-certificates"),
    *("iproute2", "iptables", "procps", "kmod", "curl", "wget", "netbase", "sudo"),
)
# What the roles install on the hosts, what the stand-ins of images install, and the tools of the harness itself.
IN_REPOSITORY: Final = {
    "bookworm": (
        *("docker.io", "nftables", "python3-docker", "python3-requests", "python3-jsondiff", "python3-yaml"),
        *("nginx-light", "openjdk-17-jre-headless", "postgresql", "docker-registry", "runc", "tini"),
    ),
    "trixie": ("docker.io", "docker-cli", "nftables", "python3-docker", "python3-requests", "python3-jsondiff", "python3-yaml"),
}
EXCLUDED: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
REPOSITORY: Final = Path("srv/apt")
SOURCE: Final = "deb [trusted=yes] file:/srv/apt ./\n"
MASKED: Final = ("console-getty", "getty@tty1", "apt-daily.timer", "apt-daily-upgrade.timer", "systemd-networkd-wait-online")


def debian_root(suite: str) -> Path:
    """Return the folder with the root file system of this suite, made once."""
    recipe = repr((INSTALLED, IN_REPOSITORY[suite], EXCLUDED, MASKED))
    return cached(suite, recipe.encode(), partial(_build, suite))


def mirrors(suite: str) -> list[str]:
    """Return the lines of a sources.list for this suite, with the servers that apt of this machine uses for its own suite."""
    own = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").splitlines()
    lines = []
    for uri, release, component in (target.split() for target in targets):
        if component == "main" and release in {own, f"{own}-security"}:
            lines.append(f"deb {uri} {release.replace(own, suite)} main")
    if not lines:
        end_run(f"apt has no Debian mirror for {own or 'this system'}; apt-get update")
    return lines


def _build(suite: str, root: Path) -> None:
    apt = "APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --quiet --download-only"
    into = f'-o Dir::Cache::Archives="$1"/{REPOSITORY}'
    hooks = (
        f'mkdir -p "$1"/{REPOSITORY}/partial && {apt} {into} install {shlex.join(IN_REPOSITORY[suite])}',
        f'cd "$1"/{REPOSITORY} && rm -rf partial lock && dpkg-scanpackages --multiversion . > Packages',
    )
    command = [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet"),
        *('--aptopt=Apt::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        *(f"--customize-hook={hook}" for hook in hooks),
        f"--include={','.join(INSTALLED)}",
    ]
    run(*command, suite, root, *mirrors(suite))
    _configure(root)


def _configure(root: Path) -> None:
    """Make the packages come from the root itself, and leave out what a host in a namespace cannot do."""
    shutil.rmtree(root / "etc/apt/sources.list.d")
    (root / "etc/apt/sources.list.d").mkdir()
    (root / "etc/apt/sources.list").write_text(SOURCE)
    for keys in (root / "etc/ssh").glob("ssh_host_*"):
        keys.unlink()
    for unit in MASKED:
        name = unit if "." in unit else f"{unit}.service"
        (root / "etc/systemd/system" / name).symlink_to("/dev/null")
    (root / "usr/local/bin/python3").symlink_to("/usr/bin/python3")
    (root / "usr/local/bin/python").symlink_to("python3")
    run("chroot", root, "apt-get", "update", "--quiet")


def extract(root: Path, *packages: str) -> Path:
    """Return a folder with the files of packages of the root's repository, to run their programs on this machine."""

    def unpack(folder: Path) -> None:
        for package in packages:
            (file,) = (root / REPOSITORY).glob(f"{package}_*.deb")
            run("dpkg", "-x", file, folder)

    return cached("programs", repr((root.name, packages)).encode(), unpack)
