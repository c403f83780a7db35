"""Ansible in the test network: an inventory of the test hosts, and the results of playbooks."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from support.hosts import network
from support.hosts.folders import PROJECT, SUFFIX
from support.hosts.host import Host
from support.hosts.prerequisites import ANSIBLE
from support.hosts.processes import in_network

PLAYBOOKS = PROJECT / "ansible"
# A path of a socket must be short. A connection to a host of another run, with the same IP, would hang.
SSH_SOCKETS = f"/run/headrace-test-hosts{SUFFIX}"


@dataclass(frozen=True)
class PlaybookResult:
    """The output of ansible-playbook, and its exit status."""

    status: int
    output: str

    @property
    def changed(self) -> dict[str, int]:
        """The number of changed tasks of each host."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return {name: int(count) for name, count in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", recap, re.MULTILINE)}

    @property
    def changed_tasks(self) -> list[str]:
        """The names of the tasks that changed something, for the message of a failure."""
        tasks = re.split(r"^(?:TASK|RUNNING HANDLER) \[", self.output, flags=re.MULTILINE)[1:]
        return [task.partition("]")[0] for task in tasks if re.search(r"^changed: ", task, re.MULTILINE)]


class Ansible:
    """Runs playbooks of the project against an inventory, from the control namespace."""

    def __init__(self, folder: Path, key: Path, variables: Mapping[str, object]) -> None:
        self._folder = folder
        self._inventory = folder / "inventory.yml"
        self._known_hosts = folder / "known_hosts"
        self._key = key
        self._runs = 0
        self.variables = dict(variables)

    def write_inventory(self, hosts: Iterable[Host], groups: Mapping[str, Iterable[Host]]) -> None:
        """Write the inventory; `managers` must be one of the groups."""
        children: dict[str, object] = {
            name: {"hosts": {host.name: {} for host in members}} for name, members in ({"workers": ()} | dict(groups)).items()
        }
        children["swarm"] = {"children": {"managers": {}, "workers": {}}}
        connection = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self._known_hosts} -o StrictHostKeyChecking=yes",
        }
        everything = {
            "hosts": {host.name: {"ansible_host": host.ip} for host in hosts},
            "vars": connection | self.variables,
            "children": children,
        }
        self._inventory.write_text(yaml.safe_dump({"all": everything}))

    def write_known_hosts(self, keys: Mapping[str, str]) -> None:
        """Trust these host keys, by IP address, and no others."""
        self._known_hosts.write_text("".join(f"{ip} {key}" for ip, key in keys.items()))

    def play(self, playbook: str, *arguments: str, timeout_seconds: float = 900) -> PlaybookResult:
        """Run a playbook; the caller checks the status."""
        program, inventory = str(ANSIBLE / "ansible-playbook"), str(self._inventory)
        command = (*in_network(network.CONTROL), program, "--inventory", inventory, playbook, *arguments)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "PATH": f"{ANSIBLE}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self._folder / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": SSH_SOCKETS,
        }
        self._runs += 1
        log = self._folder / f"playbook-{self._runs}.log"
        with log.open("w") as output:
            result = subprocess.run(
                command,
                cwd=PLAYBOOKS,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=timeout_seconds,
            )
        return PlaybookResult(result.returncode, log.read_text())

    def succeed(self, playbook: str, *arguments: str, timeout_seconds: float = 900) -> PlaybookResult:
        """Run a playbook that must succeed."""
        result = self.play(playbook, *arguments, timeout_seconds=timeout_seconds)
        assert result.status == 0, result.output[-8000:]
        return result
