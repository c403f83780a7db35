"""A label that data belongs to stays on its host."""

import pytest
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole


@pytest.fixture
def labels(deployed: Testbed) -> str:
    return deployed.hosts[0].run("sh", "-c", "docker node inspect $(docker node ls --quiet) --format '{{.Spec.Labels}}'")


def test_brokers_in_another_order_are_refused(deployed: Testbed, labels: str) -> None:
    groups = deployed.groups()
    deployed.set_groups(groups | {"kafka": groups["kafka"][::-1]})
    try:
        refused = deployed.ansible.play("site.yml", "--tags", "labels")
    finally:
        deployed.set_groups(groups)
    assert refused.status != 0
    assert "n1 holds data as headrace.kafka=1, but has become number 3 of the group kafka" in " ".join(refused.output.split())
    assert deployed.hosts[0].run("sh", "-c", "docker node inspect $(docker node ls --quiet) --format '{{.Spec.Labels}}'") == labels


def test_an_edge_host_keeps_its_spool(deployed: Testbed) -> None:
    groups = deployed.groups()
    deployed.set_groups(groups | {"edge": groups["edge"][1:]})
    try:
        refused = deployed.ansible.play("site.yml", "--tags", "labels")
    finally:
        deployed.set_groups(groups)
    assert refused.status != 0
    assert "n1 holds data as headrace.edge=true, but has left the group edge" in " ".join(refused.output.split())
