"""The ports of a host that answer from outside: SSH and the edge, no others."""

from support.hosts import network
from support.hosts.scan import open_ports
from support.hosts.testbed import Testbed
from support.waiting import wait_until


def test_only_ssh_and_the_edge_answer_from_outside(deployed: Testbed) -> None:
    assert {host.name: open_ports(host.ip) for host in deployed.hosts} == {host.name: [22, 80, 443] for host in deployed.hosts}


def test_peers_reach_the_ports_of_the_swarm_and_others_do_not(deployed: Testbed) -> None:
    first, second, *_ = deployed.hosts
    assert second.run("bash", "-c", f"exec 3<>/dev/tcp/{first.ip}/2377 && echo open").strip() == "open"
    assert not network.accepts(first.ip, 2377)


def test_a_port_that_is_published_by_mistake_does_not_answer(deployed: Testbed) -> None:
    host = deployed.hosts[0]
    image = host.run("docker", "images", "--quiet").split()[0]
    serve = ("python3", "-m", "http.server", "8000")
    name = host.run("docker", "run", "--detach", "--rm", "--publish", "8099:8000", "--entrypoint", "", image, *serve).strip()
    try:
        wait_until(lambda: host.run("curl", "--silent", "--fail", "http://127.0.0.1:8099/", check=False), every_seconds=0.3)
        assert not network.accepts(host.ip, 8099)
    finally:
        host.run("docker", "rm", "--force", name)


def test_the_ports_are_the_same_after_a_reboot(deployed: Testbed) -> None:
    host = deployed.hosts[-1]
    host.power_off()
    host.boot()
    wait_until(lambda: network.accepts(host.ip, 443), within_seconds=90, every_seconds=0.5)
    assert open_ports(host.ip) == [22, 80, 443]
