"""A test host: its own disk, network, processes, mounts and cgroups, with systemd as process 1."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from support.hosts import network
from support.hosts.folders import HERE, RUN
from support.hosts.prerequisites import CGROUPS
from support.hosts.processes import run, start, stop
from support.waiting import wait_until

JOIN_CGROUPS: Final = 'for group in $GROUPS_OF_HOST; do echo $$ > "$group/cgroup.procs"; done; exec "$@"'


class Host:
    """One host, whose power can fail; `create` starts it on an empty disk."""

    def __init__(self, name: str, number: int, root: Path, *, known_hosts: dict[str, str]) -> None:
        self.name = name
        self.number = number
        self.ip = network.host_ip(number)
        self._root = root
        self._known_hosts = known_hosts
        self.disk = RUN / "hosts" / name
        self._namespace = f"{network.PREFIX}{name}"
        self._link = f"to-{name}"
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def create(self, authorized_key: str) -> None:
        """Start the host with a fresh disk and a host key of its own."""
        for folder in ("changes", "work", "docker", "containerd", "mounted"):
            (self.disk / folder).mkdir(parents=True)
        etc = self.disk / "changes/etc"
        (etc / "ssh").mkdir(parents=True)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "machine-id").write_text(f"{secrets.token_hex(16)}\n")
        names = "".join(f"{network.host_ip(number)} n{number}\n" for number in range(1, 8))
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{network.CONTROL_IP} control registry.test\n{names}")
        key = etc / "ssh/ssh_host_ed25519_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        self._known_hosts[self.ip] = key.with_suffix(".pub").read_text()
        home = self.disk / "changes" / "root"
        home.mkdir(mode=0o700)
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700)
        (ssh / "authorized_keys").write_text(authorized_key)
        self.boot()

    def boot(self) -> None:
        """Turn the power on and wait for sshd."""
        network.connect_host(self._namespace, self._link, self.number)
        groups = [self._cgroup(name) for name in CGROUPS]
        for group in groups:
            group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            (self._cgroup("cpuset") / file).write_text((self._cgroup("cpuset").parent / file).read_text())
        self._process = start(
            (
                *("bash", "-c", JOIN_CGROUPS, "join"),
                *("unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--propagation", "private", "--kill-child"),
                HERE / "init.sh",
            ),
            self.console,
            namespace=self._namespace,
            environment={
                "PATH": os.environ["PATH"],
                "GROUPS_OF_HOST": " ".join(map(str, groups)),
                "ROOT": str(self._root),
                "DISK": str(self.disk),
                "NAME": self.name,
            },
        )
        wait_until(self._find_init, within_seconds=20)
        wait_until(lambda: network.accepts(self.ip, 22), within_seconds=60, every_seconds=0.2)

    @property
    def is_on(self) -> bool:
        """Whether the host has power."""
        return self._init != 0

    @property
    def files(self) -> Path:
        """The file system of the running host, seen from this machine."""
        return Path(f"/proc/{self._init}/root")

    @property
    def console(self) -> Path:
        """The output of systemd."""
        return self.disk / "console.log"

    def power_off(self) -> None:
        """Cut the power: every process of the host is killed at once, its disk stays."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init or self._process.pid, signal.SIGKILL)
            stop(self._process)
        self._process, self._init = None, 0
        network.disconnect_host(self._namespace, self._link)
        for name in CGROUPS:
            self._remove_cgroup(name)

    def destroy(self) -> None:
        """Cut the power and forget the disk."""
        self.power_off()
        shutil.rmtree(self.disk, ignore_errors=True)

    def run(self, *command: str, stdin: str | None = None, check: bool = True, timeout_seconds: float = 120) -> str:
        """Return the output of a command on the host."""
        enter = ("nsenter", f"--target={self._init}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
        plain = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        return run(*enter, "--", *command, stdin=stdin, check=check, timeout_seconds=timeout_seconds, environment=plain)

    def _find_init(self) -> bool:
        """Process 1 of the host runs."""
        assert self._process is not None
        assert self._process.poll() is None, self.console.read_text()
        found = run("pgrep", "--parent", str(self._process.pid), check=False).split()
        self._init = int(found[0]) if found else 0
        return bool(found)

    def _cgroup(self, name: str) -> Path:
        return Path("/sys/fs/cgroup") / name / self._namespace

    def _remove_cgroup(self, name: str) -> None:
        def is_removed() -> bool:
            for folder, _, _ in os.walk(self._cgroup(name), topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
            return not self._cgroup(name).exists()

        wait_until(is_removed, within_seconds=10, every_seconds=0.1)
