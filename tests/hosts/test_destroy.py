"""The way back to bare hosts: only after the right answer, and with the data only if asked for."""

import re

import pytest
from support.hosts.images import ENDS_AT_ONCE
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole


def test_another_answer_removes_nothing(deployed: Testbed) -> None:
    refused = deployed.ansible.play("destroy.yml", "--extra-vars", "destroy_stack=other")
    assert refused.status != 0
    assert "Nothing was removed: other is not the name of the stack" in " ".join(refused.output.split())
    assert "headrace_collector" in deployed.hosts[0].run("docker", "service", "ls")


def test_the_stack_and_its_data_are_removed_from_every_host(deployed: Testbed) -> None:
    deployed.ansible.succeed("destroy.yml", "--extra-vars", "destroy_stack=headrace destroy_data=true")
    for host in deployed.hosts:
        assert host.run("docker", "info", "--format", "{{.Swarm.LocalNodeState}}").strip() == "inactive"
        assert host.run("docker", "volume", "ls", "--quiet").strip() == ""
        assert host.run("docker", "ps", "--all", "--quiet").strip() == ""
        assert host.run("sh", "-c", "ls /etc/headrace/edge 2> /dev/null || true").strip() == ""
    again = deployed.ansible.succeed("destroy.yml", "--extra-vars", "destroy_stack=headrace")
    assert set(again.changed.values()) <= {0}, again.changed_tasks


def test_a_first_deployment_whose_collector_ends_at_once_fails_within_two_minutes_with_its_log(
    deployed: Testbed, findings: list[str]
) -> None:
    deployed.images.derive("headrace-collector", "broken", ENDS_AT_ONCE)
    failed = deployed.ansible.play("site.yml", "--extra-vars", '{"headrace_image_tags": {"headrace-collector": "broken"}}')
    assert failed.status != 0
    assert "this collector cannot run: the disk is made of cheese" in failed.output
    [seconds] = re.findall(r"^ +seconds: ([\d.]+)", failed.output, re.MULTILINE)
    findings.append(f"a collector that ends at once, first deployment: fails after {seconds} s")
    assert float(seconds) <= 120
