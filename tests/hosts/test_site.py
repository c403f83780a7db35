"""`site.yml` from bare hosts to a running stack, and again."""

import re

import pytest
from support.hosts.testbed import Testbed


def test_a_second_run_changes_nothing(deployed: Testbed) -> None:
    second = deployed.ansible.succeed("site.yml")
    assert set(second.changed.values()) == {0}, second.changed_tasks


@pytest.mark.whole
def test_a_run_in_check_mode_changes_nothing(deployed: Testbed) -> None:
    third = deployed.ansible.succeed("site.yml", "--check")
    assert set(third.changed.values()) == {0}, third.changed_tasks


@pytest.mark.whole
def test_check_mode_names_exactly_the_services_of_a_new_version(deployed: Testbed) -> None:
    deployed.images.derive("headrace-streams", "0.3.1")
    version = '{"headrace_image_tags": {"headrace-streams": "0.3.1"}}'
    checked = deployed.ansible.succeed("site.yml", "--check", "--diff", "--extra-vars", version)
    assert sum(checked.changed.values()) == 1, checked.changed_tasks
    assert set(re.findall(r"^\+\+\+ after: service (\S+)", checked.output, re.MULTILINE)) == {"converter"}
