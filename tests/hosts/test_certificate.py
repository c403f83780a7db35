"""The certificate of the edge: replaced without a failed request."""

import pytest
from support.hosts import network
from support.hosts.events import check_one_row_each, load
from support.hosts.processes import run
from support.hosts.testbed import DASHBOARDS_DOMAIN, DOMAIN, Testbed
from support.waiting import wait_until

pytestmark = pytest.mark.whole


def serial_numbers(testbed: Testbed) -> set[str]:
    """Return the serial numbers of the certificates that the edge hosts present."""
    numbers = set()
    for host in testbed.hosts:
        chain = run("openssl", "s_client", "-connect", f"{host.ip}:443", "-servername", DOMAIN, namespace=network.CONTROL, stdin="")
        numbers.add(run("openssl", "x509", "-noout", "-serial", stdin=chain).strip())
    return numbers


def test_a_new_certificate_costs_no_request(deployed: Testbed) -> None:
    before = serial_numbers(deployed)
    certificate = deployed.authority.issue(DOMAIN, DASHBOARDS_DOMAIN)
    with load(deployed, rate=60) as sent:
        sent.wait_for_events(180)
        deployed.set_variables(headrace_tls_certificate=str(certificate.chain), headrace_tls_key=str(certificate.key))
        deployed.ansible.succeed("site.yml", "--tags", "secrets,stack")
        wait_until(lambda: not serial_numbers(deployed) & before, within_seconds=30, every_seconds=1)
    assert len(serial_numbers(deployed)) == 1
    # A connection that was idle may be closed by the reload, as by any server; a response with an error may not be.
    assert not [reason for reason in sent.retries if reason.isdigit()], sent.describe()
    check_one_row_each(deployed, sent)
