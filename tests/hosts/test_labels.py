"""A label that data belongs to stays on its host."""

import pytest
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole


@pytest.fixture
def labels(deployed: Testbed) -> str:
    return deployed.hosts[0].run("sh", "-c", "docker node inspect $(docker node ls --quiet) --format '{{.Spec.Labels}}'")


def test_another_number_for_a_broker_is_refused(deployed: Testbed, labels: str) -> None:
    groups = deployed.groups()
    deployed.set_groups(groups | {"kafka": groups["kafka"][1:2]})
    try:
        refused = deployed.ansible.play("site.yml", "--tags", "labels")
    finally:
        deployed.set_groups(groups)
    assert refused.status != 0
    output = " ".join(refused.output.split())
    assert "n1 holds data as headrace.kafka=1, but has left the group kafka" in output
    assert "n2 holds data as headrace.kafka=2, but has become number 1 of the group kafka" in output
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
