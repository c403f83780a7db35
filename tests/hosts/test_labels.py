"""A label that data belongs to stays on its host."""

import pytest
from support.hosts.host import Host
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole


def labels(testbed: Testbed) -> str:
    return testbed.hosts[0].run("sh", "-c", "docker node inspect $(docker node ls --quiet) --format '{{.Spec.Labels}}'")


def output_of_failure(testbed: Testbed, **groups: list[Host]) -> str:
    """Return the output, as one line, of a run that must fail with other groups in the inventory."""
    before = testbed.groups()
    testbed.set_groups(before | groups)
    try:
        refused = testbed.ansible.play("site.yml", "--tags", "labels")
    finally:
        testbed.set_groups(before)
    assert refused.status != 0
    return " ".join(refused.output.split())


def test_another_number_for_a_broker_is_refused(deployed: Testbed) -> None:
    before = labels(deployed)
    output = output_of_failure(deployed, kafka=deployed.hosts[1:2])
    assert "n1 holds data as headrace.kafka=1, but has left the group kafka" in output
    assert "n2 holds data as headrace.kafka=2, but has become number 1 of the group kafka" in output
    assert labels(deployed) == before


def test_an_edge_host_keeps_its_spool(deployed: Testbed) -> None:
    assert "n1 holds data as headrace.edge=true, but has left the group edge" in output_of_failure(deployed, edge=deployed.hosts[1:])
