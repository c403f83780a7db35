"""Secrets and configs changed under load; an old secret is found nowhere afterwards."""

import secrets

import pytest
from support.hosts.events import check_one_row_each, container, load
from support.hosts.folders import RUN
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole
# Everything that Docker shows: of containers also the environment and the logs.
SHOWN = """
for kind in service secret config container; do
    ids=$(docker $kind ls --quiet 2> /dev/null) && [ -n "$ids" ] && docker $kind inspect $ids
done
for id in $(docker container ls --all --quiet); do docker logs $id 2>&1; done
journalctl --no-pager
true
"""


def test_a_rotated_secret_is_found_nowhere(deployed: Testbed, findings: list[str]) -> None:
    file = RUN / "secrets/partition-key"
    old, new = file.read_text().strip(), secrets.token_hex(32)
    with load(deployed, rate=60) as sent:
        file.write_text(new)
        deployed.ansible.succeed("rotate-secret.yml")
        sent.wait_for_events(120)
    findings.append(f"rotation of a secret: {sent.describe()}")
    for host in deployed.hosts:
        assert host.run("docker", "exec", container(host, "collector"), "cat", "/run/secrets/partition-key").strip() == new
        assert old not in host.run("sh", "-c", SHOWN)
    check_one_row_each(deployed, sent)


def test_a_changed_config_reaches_every_edge_host(deployed: Testbed, findings: list[str]) -> None:
    with load(deployed, rate=60) as sent:
        deployed.set_variables(headrace_trusted_proxies=["203.0.113.77/32"])
        deployed.ansible.succeed("site.yml", "--tags", "stack")
        sent.wait_for_events(120)
    findings.append(f"change of a config: {sent.describe()}")
    for host in deployed.hosts:
        assert "203.0.113.77/32" in host.run("docker", "exec", container(host, "nginx"), "cat", "/etc/nginx/proxies.conf")
    check_one_row_each(deployed, sent)
