"""A Docker engine that builds images on the machine's own network and changes nothing of that network."""

import os
import subprocess
from pathlib import Path

from support.hosts.folders import CACHE, RUN, SUFFIX
from support.hosts.processes import run, start, stop
from support.waiting import wait_until

PROGRAMS = ("docker", "dockerd", "containerd", "containerd-shim-runc-v2", "runc", "docker-init")


class Builder:
    """Debian's dockerd in a PID namespace of its own, without bridge and packet filter; builds use the host's network."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = RUN / "builder.socket"

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which `docker` and `make images` use this engine."""
        search = os.pathsep.join((str(RUN / "builder-programs"), os.environ["PATH"]))
        client = {"DOCKER_HOST": f"unix://{self._socket}", "DOCKER_BUILDKIT": "1", "DOCKER_CONFIG": str(RUN / "docker-client")}
        return {**os.environ, "PATH": search, **client}

    def start(self) -> None:
        links = RUN / "builder-programs"
        links.mkdir()
        for name in PROGRAMS:
            (found, *_) = (path for path in (self._programs / "usr").rglob(name) if path.is_file() and os.access(path, os.X_OK))
            (links / name).symlink_to(found)
        self._process = start(
            (
                *("unshare", "--pid", "--mount", "--mount-proc", "--propagation", "private", "--fork", "--kill-child"),
                *("dockerd", "--data-root", CACHE / f"builder{SUFFIX}", "--exec-root", RUN / "builder", "--pidfile", RUN / "builder.pid"),
                *("--host", f"unix://{self._socket}", "--bridge", "none", "--userland-proxy=false"),
                *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
            ),
            RUN / "builder.log",
            environment=self.environment,
        )
        wait_until(self._answers, within_seconds=40, every_seconds=0.2)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)

    def docker(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Return the output of a command of the Docker client."""
        return run("docker", *arguments, environment=self.environment, stdin=stdin, timeout_seconds=1200)

    def _answers(self) -> bool:
        """The builder's dockerd answers."""
        assert self._process is not None
        assert self._process.poll() is None, (RUN / "builder.log").read_text()[-3000:]
        return bool(run("docker", "info", "--format", "{{.ID}}", environment=self.environment, check=False).strip())
