"""Power cuts under load: every acknowledged event is exactly one row, and the Swarm recovers by itself."""

import pytest
from support.hosts import network
from support.hosts.events import check_one_row_each, container, load
from support.hosts.host import Host
from support.hosts.ledger import differences
from support.hosts.testbed import Testbed
from support.waiting import wait_until

pytestmark = pytest.mark.whole


def status(host: Host, managers: list[Host]) -> str:
    """Return the state of a host, as the first manager that answers sees it."""
    command = ("docker", "node", "ls", "--filter", f"name={host.name}", "--format", "{{.Status}}")
    return next((answer for manager in managers if (answer := manager.run(*command, check=False).strip())), "")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_power_cut_of_any_host_loses_no_event(deployed: Testbed, findings: list[str], number: int) -> None:
    host = deployed.hosts[number - 1]
    others = [other for other in deployed.hosts if other is not host]
    leads = "Leader" in host.run("docker", "node", "ls", "--filter", f"name={host.name}", "--format", "{{.ManagerStatus}}")
    with load(deployed, rate=60) as sent:
        sent.wait_for_events(300)
        host.power_off()
        wait_until(lambda: status(host, others) == "Down", within_seconds=90, every_seconds=1)
        sent.wait_for_events(300)
        host.boot()
        wait_until(lambda: status(host, others) == "Ready", within_seconds=90, every_seconds=1)
        wait_until(lambda: container(host, "collector") and network.accepts(host.ip, 443), within_seconds=90, every_seconds=1)
        sent.wait_for_events(600)
    findings.append(f"power cut of {host.name}{', the leader' if leads else ''}: {sent.describe()}")
    check_one_row_each(deployed, sent, within_seconds=240)
    assert sent.latency["max"] < 10, sent.describe()
    deployed.ansible.succeed("site.yml", "--tags", "verify")
    wait_until(lambda: differences(deployed) == [0] * len(deployed.hosts), within_seconds=120, every_seconds=3)
