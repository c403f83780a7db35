"""ansible/droplets.yml as an operator runs it, against a fake of DigitalOcean's API."""

import itertools
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support.ansible.digitalocean import FailedRequest, FakeDigitalOcean, serving

pytestmark = pytest.mark.timeout(400)  # up to five runs of a playbook

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / ".venv-ansible" / "bin"
TOKEN = "dop_v1_0123456789abcdef"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJbBu4Wqz4mXgDkq9E8T3M4mVYqPpQ2d6rJ0vG8Zb1t operator@example.com"
NAMES = ["cloud-1", "cloud-2", "cloud-3"]
CREATED = [
    ("GET", "droplets", 200),
    ("GET", "tags/headrace", 404),
    ("POST", "tags", 201),
    ("GET", "account/keys/{fingerprint}", 404),
    ("POST", "account/keys", 201),
    ("GET", "vpcs", 200),
    ("POST", "vpcs", 201),
    ("GET", "firewalls", 200),
    ("POST", "firewalls", 202),
    ("POST", "droplets", 202),
    ("POST", "droplets", 202),
    ("POST", "droplets", 202),
    ("GET", "droplets", 200),
    ("GET", "droplets", 200),
]
UNCHANGED = [(method, path, 200) for method, path, status in CREATED if method == "GET"][:5]


@dataclass
class Operator:
    """Someone with the playbook, an inventory of three hosts and a token."""

    folder: Path
    cloud: FakeDigitalOcean
    ssh_port: int

    def __post_init__(self) -> None:
        key = self.folder / "id.pub"
        key.write_text(f"{KEY}\n")
        values = {"headrace_droplets_api": self.cloud.url, "headrace_droplets_public_key": str(key), "ansible_port": self.ssh_port}
        inventory = {"all": {"vars": values, "children": {"swarm": {"hosts": dict.fromkeys(NAMES)}}}}
        (self.folder / "inventories").mkdir()
        (self.folder / "inventories" / "cloud.yml").write_text(yaml.safe_dump(inventory))

    def run(self, *options: str, token: str | None = TOKEN) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
        }
        if token is not None:
            environment["DO_API_TOKEN"] = token
        command = ("ansible-playbook", "-i", str(self.folder / "inventories" / "cloud.yml"), "droplets.yml", *options)
        return subprocess.run(command, cwd=ROOT / "ansible", env=environment, capture_output=True, text=True, timeout=100, check=False)

    def droplet_file(self, name: str) -> Path:
        return self.folder / "inventories" / "host_vars" / name / "droplet.yml"


class Banner(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-test\r\n")


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    cloud = FakeDigitalOcean(token=TOKEN, public_ips=itertools.repeat("127.0.0.1"))
    with socketserver.TCPServer(("127.0.0.1", 0), Banner) as ssh, serving(cloud):
        thread = threading.Thread(target=ssh.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Operator(tmp_path, cloud, ssh.server_address[1])
        finally:
            ssh.shutdown()
            thread.join()


def calls(operator: Operator) -> list[tuple[str, str, int]]:
    """Return the requests since the last call, with the key's fingerprint as a word."""
    found = [(method, "account/keys/{fingerprint}" if ":" in path else path, status) for method, path, status in operator.cloud.calls]
    operator.cloud.calls.clear()
    return found


def changed(result: subprocess.CompletedProcess[str]) -> int:
    """Return the number of changed tasks of a run that succeeded."""
    assert result.returncode == 0, result.stdout + result.stderr
    return int(result.stdout.rpartition("changed=")[2].split()[0])


def test_droplets_are_created_once_and_deleted_with_exactly_the_expected_calls(operator: Operator) -> None:
    foreign = operator.cloud.add_droplet("other", ["other"], size="s-1vcpu-1gb")

    planned = operator.run("--check", "--diff")
    assert changed(planned) > 0
    assert all(f"create droplet {name}" in planned.stdout for name in NAMES)
    assert [call for call in calls(operator) if call[0] != "GET"] == []

    assert changed(operator.run()) > 0
    assert calls(operator) == CREATED
    for droplet in operator.cloud.droplets.values():
        if droplet is not foreign:
            private, public = (network["ip_address"] for network in droplet["networks"]["v4"])
            written = yaml.safe_load(operator.droplet_file(droplet["name"]).read_text())
            assert written == {"ansible_host": public, "headrace_private_address": private}

    assert changed(operator.run()) == 0
    assert calls(operator) == UNCHANGED

    assert changed(operator.run("-e", "headrace_droplets_state=absent")) > 0
    assert list(operator.cloud.droplets.values()) == [foreign]
    assert [method for method, _, _ in calls(operator) if method != "GET"] == ["DELETE"] * 7
    assert not any(operator.droplet_file(name).exists() for name in NAMES)

    assert changed(operator.run("-e", "headrace_droplets_state=absent")) == 0
    assert [call for call in calls(operator) if call[0] != "GET"] == []


def test_rate_limits_and_server_errors_are_survived(operator: Operator) -> None:
    operator.cloud.failures += [
        FailedRequest("GET", ".*", 429, headers={"retry-after": "1"}),
        FailedRequest("GET", ".*", 500),
        FailedRequest("POST", "vpcs", 500, after=True),
        FailedRequest("POST", "droplets", 429, headers={"retry-after": "1"}),
        FailedRequest("POST", "droplets", 500, after=True),
    ]
    assert changed(operator.run()) > 0
    assert sorted(droplet["name"] for droplet in operator.cloud.droplets.values()) == NAMES
    assert sorted(vpc["name"] for vpc in operator.cloud.vpcs.values()) == ["default-fra1", "headrace"]
    assert changed(operator.run()) == 0


def test_the_token_is_in_no_output_and_in_no_file(operator: Operator) -> None:
    results = [
        operator.run("-vvv"),
        operator.run("-vvvv", "--check", "--diff"),
        operator.run("-vvv", "-e", "headrace_droplets_state=absent"),
        operator.run("-vvv", token=f"{TOKEN}-revoked"),
    ]
    assert [result.returncode for result in results] == [0, 0, 0, 2]
    assert "Check DO_API_TOKEN" in results[-1].stdout
    assert [result.args for result in results if TOKEN in result.stdout + result.stderr] == []
    assert [path for path in operator.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("options", "token", "remedy"),
    [
        ((), None, "DO_API_TOKEN"),
        (("-e", "headrace_droplets_public_key="), TOKEN, "headrace_droplets_public_key"),
        (("-e", "headrace_droplets_region=Frankfurt"), TOKEN, "headrace_droplets_region"),
        (("-e", "headrace_droplets_api=http://203.0.113.1"), TOKEN, "must begin with https"),
    ],
)
def test_missing_and_wrong_values_are_errors_with_a_remedy(
    operator: Operator, options: tuple[str, ...], token: str | None, remedy: str
) -> None:
    result = operator.run(*options, token=token)
    assert result.returncode == 2
    assert remedy in result.stdout
    assert calls(operator) == []
