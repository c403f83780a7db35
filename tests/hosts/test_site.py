"""`site.yml` from bare hosts to a running stack, and again."""

import pytest
from support.hosts.testbed import Testbed


@pytest.fixture(scope="session")
def first_run(testbed: Testbed) -> float:
    testbed.ansible.succeed("site.yml")
    return 0.0


def test_site_succeeds_on_bare_hosts_and_changes_nothing_when_run_again(testbed: Testbed, first_run: float) -> None:
    second = testbed.ansible.succeed("site.yml")
    assert set(second.changed.values()) == {0}, second.changed_tasks
