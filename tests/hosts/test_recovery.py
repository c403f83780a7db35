"""`site.yml` on a Swarm that lost a host."""

import pytest
from support.hosts.events import check_one_row_each, load
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole
NODES = ("docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}")


def test_a_manager_that_lost_its_disk_is_a_manager_again(deployed: Testbed) -> None:
    lost = deployed.hosts[-1]
    lost.destroy()
    deployed.create(lost)
    deployed.ansible.succeed("site.yml")
    nodes = sorted(line.split() for line in deployed.hosts[0].run(*NODES).splitlines())
    assert [node[:2] for node in nodes] == [[host.name, "Ready"] for host in deployed.hosts]
    assert sorted(node[2] for node in nodes) == ["Leader", "Reachable", "Reachable"]
    with load(deployed, rate=60) as sent:
        sent.wait_for_events(300)
    check_one_row_each(deployed, sent)
