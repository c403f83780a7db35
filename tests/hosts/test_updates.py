"""Updates under load: every acknowledged event is exactly one row."""

import json
import time

import pytest
from support.hosts.events import check_one_row_each, container, load
from support.hosts.images import ENDS_AT_ONCE
from support.hosts.testbed import Testbed


def image_tags(**tags: str) -> str:
    return json.dumps({"headrace_image_tags": {f"headrace-{name}": tag for name, tag in tags.items()}})


def test_a_rolling_update_of_the_collector_loses_no_event(deployed: Testbed, findings: list[str]) -> None:
    deployed.images.derive("headrace-collector", "0.3.1")
    began = time.monotonic()
    with load(deployed, rate=150) as sent:
        deployed.set_variables(headrace_image_tags={"headrace-collector": "0.3.1"})
        deployed.ansible.succeed("site.yml", "--tags", "stack")
    findings.append(f"rolling update of the collector in {time.monotonic() - began:.0f} s: {sent.describe()}")
    check_one_row_each(deployed, sent)
    for host in deployed.hosts:
        assert "0.3.1" in host.run("docker", "inspect", container(host, "collector"))


@pytest.mark.whole
def test_a_new_version_of_all_services_and_the_way_back_lose_no_event(deployed: Testbed, findings: list[str]) -> None:
    for name in ("collector", "forwarder", "streams", "headrace"):
        deployed.images.derive(f"headrace-{name}", "0.3.2")
    deployed.set_variables(headrace_version="0.3.2", headrace_image_tags={})
    with load(deployed, rate=300) as sent:
        deployed.ansible.succeed("site.yml", "--tags", "stack")
    findings.append(f"rolling update of all services at 300/s: {sent.describe()}")
    check_one_row_each(deployed, sent, within_seconds=300)
    with load(deployed, rate=300) as sent:
        deployed.ansible.succeed("rollback.yml")
    findings.append(f"rollback.yml at 300/s: {sent.describe()}")
    check_one_row_each(deployed, sent, within_seconds=300)
    deployed.set_variables(headrace_version="", headrace_image_tags={"headrace-collector": "0.3.1"})
    assert set(deployed.ansible.succeed("site.yml", "--tags", "stack").changed.values()) == {0}


@pytest.mark.whole
def test_a_collector_that_ends_at_once_fails_the_playbook_with_its_log(deployed: Testbed, findings: list[str]) -> None:
    deployed.images.derive("headrace-collector", "broken", ENDS_AT_ONCE)
    began = time.monotonic()
    with load(deployed, rate=300) as sent:
        result = deployed.ansible.play("site.yml", "--tags", "stack", "--extra-vars", image_tags(collector="broken"))
    seconds = time.monotonic() - began
    findings.append(f"collector that ends at once: site.yml failed after {seconds:.0f} s; {sent.describe()}")
    assert result.status != 0
    assert "the disk is made of cheese" in result.output
    assert seconds < 120
    check_one_row_each(deployed, sent, within_seconds=300)
    deployed.ansible.succeed("site.yml", "--tags", "stack")
