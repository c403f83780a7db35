"""All of a run: network, registry with images, hosts and Ansible; stopped at the end, also after a failure."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final

from support.hosts import debian, network, registry
from support.hosts.authority import Authority
from support.hosts.builder import Builder
from support.hosts.folders import CACHE, PROJECT, RUN, SUFFIX
from support.hosts.host import Host
from support.hosts.images import Images
from support.hosts.playbooks import SSH_SOCKETS, Ansible
from support.hosts.prerequisites import end_run
from support.hosts.processes import run
from support.hosts.registry import Registry

IMAGES_SUITE: Final = "bookworm"  # the Debian of the project's images
TOOLS: Final = ("docker.io", "containerd", "runc", "tini", "docker-registry")
DOMAIN: Final = "collect.test"
DASHBOARDS_DOMAIN: Final = "dashboards.test"
LOCK: Final = Path(f"/run/lock/headrace-test-hosts{SUFFIX}")  # the namespaces have fixed names on the machine


class Testbed:
    """Hosts on a network of their own, and what deploys to them."""

    __test__ = False

    def __init__(self, *, count: int, suite: str) -> None:
        self.root, images_root = debian.debian_root(suite), debian.debian_root(IMAGES_SUITE)
        self.known_hosts: dict[str, str] = {}
        self.hosts = [Host(f"n{number}", number, self.root, known_hosts=self.known_hosts) for number in range(1, count + 1)]
        self.authority = Authority(RUN / "authority")
        programs = debian.extract(images_root, *TOOLS)
        self.builder = Builder(programs)
        self.registry = Registry(programs, self.authority)
        self.images = Images(self.builder, images_root, self.registry.push_name)
        self.key = RUN / "ssh-key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self._groups: Mapping[str, list[Host]] = {}
        self.ansible = Ansible(RUN, self.key, self._variables())

    def start(self, *, groups: Mapping[str, list[Host]]) -> None:
        """Start the hosts, on empty disks."""
        for host in self.hosts:
            self.create(host)
        self.set_groups(groups)

    def create(self, host: Host) -> None:
        """Start a host on an empty disk, and trust its new host key."""
        host.create(self.key.with_suffix(".pub").read_text())
        self.ansible.write_known_hosts(self.known_hosts)

    def set_variables(self, **variables: object) -> None:
        """Write the inventory with these values of variables."""
        self.ansible.variables |= variables
        self.ansible.write_inventory(self.hosts, self._groups)

    def groups(self, *, with_dashboards: bool = False) -> dict[str, list[Host]]:
        """Return the groups of the inventory: three managers and brokers, or one where there are two hosts; Druid only if asked for."""
        is_small = len(self.hosts) < 3
        main = self.hosts[:1] if is_small else self.hosts
        druid, dashboards = (self.hosts[1:2], self.hosts[-1:]) if with_dashboards else ([], [])
        workers = self.hosts[1:] if is_small else []
        return {"managers": main, "workers": workers, "edge": self.hosts, "kafka": main, "druid": druid, "dashboards": dashboards}

    def set_groups(self, groups: Mapping[str, list[Host]]) -> None:
        """Write the inventory with other groups."""
        self._groups = groups
        self.set_variables()

    def _variables(self) -> dict[str, object]:
        secrets = RUN / "secrets"
        run(PROJECT / ".venv/bin/headrace", "secrets", "--folder", secrets)
        certificate = self.authority.issue(DOMAIN, DASHBOARDS_DOMAIN)
        return {
            "headrace_registry": registry.NAME,
            "headrace_registry_ca": str(self.authority.certificate),
            "headrace_mirror": registry.NAME,
            "headrace_collect_domain": DOMAIN,
            "headrace_dashboards_domain": DASHBOARDS_DOMAIN,
            "headrace_tls_certificate": str(certificate.chain),
            "headrace_tls_key": str(certificate.key),
            "headrace_secrets_folder": str(secrets),
        }


@contextmanager
def running_testbed(*, count: int, suite: str) -> Iterator[Testbed]:
    """Prepare everything but the hosts, and stop everything at the end."""
    with ExitStack() as stack:
        RUN.parent.mkdir(exist_ok=True)
        lock = stack.enter_context(LOCK.open("w"))
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            end_run("another run uses the test network; wait for its end, or set HEADRACE_TEST_BED=1")
        shutil.rmtree(RUN, ignore_errors=True)
        shutil.rmtree(SSH_SOCKETS, ignore_errors=True)
        RUN.mkdir()
        CACHE.mkdir(exist_ok=True)
        stack.callback(network.remove_network)
        network.create_network()
        testbed = Testbed(count=count, suite=suite)
        stack.callback(testbed.builder.stop)
        testbed.builder.start()
        stack.callback(testbed.registry.stop)
        testbed.registry.start()
        for host in testbed.hosts:
            stack.callback(host.destroy)
        yield testbed
