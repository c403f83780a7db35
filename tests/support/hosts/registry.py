"""A registry for the hosts: Debian's docker-registry with TLS by an authority of its own, and without TLS for the builder."""

import subprocess
from pathlib import Path

import yaml
from support.hosts import network
from support.hosts.authority import Authority
from support.hosts.folders import CACHE, RUN, SUFFIX
from support.hosts.processes import start, stop
from support.ports import free_ports
from support.waiting import wait_until

NAME = "registry.test:5000"


class Registry:
    """Two processes on one folder of images: the hosts pull over TLS, the builder pushes on loopback."""

    def __init__(self, programs: Path, authority: Authority) -> None:
        self._program = programs / "usr/bin/docker-registry"
        self._authority = authority
        self._processes: list[subprocess.Popen[bytes]] = []
        self.push_name = f"127.0.0.1:{free_ports(1)[0]}"

    def start(self) -> None:
        certificate = self._authority.issue("registry.test", network.CONTROL_IP)
        tls: dict[str, object] = {"tls": {"certificate": str(certificate.chain), "key": str(certificate.key)}}
        self._start("push", None, {"addr": self.push_name})
        self._start("pull", network.CONTROL, {"addr": f"{network.CONTROL_IP}:5000"} | tls)
        wait_until(lambda: network.accepts(network.CONTROL_IP, 5000), within_seconds=20, every_seconds=0.2)

    def stop(self) -> None:
        for process in self._processes:
            stop(process)

    def _start(self, name: str, namespace: str | None, http: dict[str, object]) -> None:
        storage = {"filesystem": {"rootdirectory": str(CACHE / f"registry{SUFFIX}")}, "delete": {"enabled": True}}
        settings = {"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http}
        file = RUN / f"registry-{name}.yml"
        file.write_text(yaml.safe_dump(settings))
        self._processes.append(start((self._program, "serve", file), file.with_suffix(".log"), namespace=namespace))
