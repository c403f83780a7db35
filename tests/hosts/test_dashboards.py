"""The whole stack: events sent to any edge host are rows in Druid and figures of the dashboards, also after updates and a power cut."""

import time
import uuid

import pytest
from support.hosts import network
from support.hosts.dashboards import druid_rows, send_page_views, wait_for_figure
from support.hosts.events import check_one_row_each, load
from support.hosts.ledger import differences
from support.hosts.testbed import Testbed
from support.waiting import wait_until

pytestmark = pytest.mark.whole
TARGETS = ("collector", "forwarder", "streams", "headrace", "superset")


@pytest.fixture(scope="module")
def with_dashboards(deployed: Testbed, findings: list[str]) -> Testbed:
    """Hosts with Druid and the dashboards too, added to the running stack."""
    deployed.images.build(targets=("superset",), services=("zookeeper", "druid-coordinator", "druid-metadata"))
    deployed.set_groups(deployed.groups(with_dashboards=True))
    began = time.monotonic()
    deployed.ansible.succeed("site.yml")
    findings.append(f"site.yml that adds Druid and the dashboards: {time.monotonic() - began:.0f} s")
    return deployed


def test_an_event_sent_to_any_edge_host_is_one_row_in_druid_and_a_figure_of_the_dashboards(
    with_dashboards: Testbed, findings: list[str]
) -> None:
    site = f"site-{uuid.uuid4().hex[:8]}"
    began = time.monotonic()
    ids = [event_id for host in with_dashboards.hosts for event_id in send_page_views(with_dashboards, host, site)]
    wait_until(lambda: druid_rows(with_dashboards).keys() >= set(ids), within_seconds=120, every_seconds=1)
    findings.append(f"{len(ids)} events, one per edge host, were rows in Druid after {time.monotonic() - began:.1f} s")
    assert [druid_rows(with_dashboards)[event_id] for event_id in ids] == [1] * len(ids)
    for host in with_dashboards.hosts:
        assert wait_for_figure(with_dashboards, host, site, len(ids)) == len(ids)
    wait_until(lambda: differences(with_dashboards) == [0] * len(with_dashboards.hosts), within_seconds=60, every_seconds=1)


def test_a_new_version_of_all_services_and_the_way_back_lose_no_row_of_druid(with_dashboards: Testbed, findings: list[str]) -> None:
    tags = with_dashboards.ansible.variables.get("headrace_image_tags", {})
    for name in TARGETS:
        with_dashboards.images.derive(f"headrace-{name}", "0.3.4")
    with load(with_dashboards, rate=60) as sent:
        with_dashboards.set_variables(headrace_version="0.3.4", headrace_image_tags={})
        with_dashboards.ansible.succeed("site.yml", "--tags", "stack")
        with_dashboards.ansible.succeed("rollback.yml")
        sent.wait_for_events(300)
    findings.append(f"rolling update of all services and rollback.yml at 60/s, counted in Druid: {sent.describe()}")
    check_one_row_each(with_dashboards, sent, read_rows=druid_rows, within_seconds=300)
    with_dashboards.set_variables(headrace_version="", headrace_image_tags=tags)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_power_cut_of_any_host_loses_no_row_of_druid(with_dashboards: Testbed, findings: list[str], number: int) -> None:
    host = with_dashboards.hosts[number - 1]
    groups = [name for name, members in with_dashboards.groups(with_dashboards=True).items() if host in members]
    with load(with_dashboards, rate=60) as sent:
        sent.wait_for_events(300)
        host.power_off()
        sent.wait_for_events(1200)
        host.boot()
        wait_until(lambda: network.accepts(host.ip, 443), within_seconds=120, every_seconds=1)
        sent.wait_for_events(600)
    began = time.monotonic()
    check_one_row_each(with_dashboards, sent, read_rows=druid_rows, within_seconds=600)
    seconds = time.monotonic() - began
    findings.append(
        f"power cut of {host.name} ({', '.join(groups)}): rows of Druid complete {seconds:.0f} s after the load; {sent.describe()}"
    )
    assert sent.latency["max"] < 10, sent.describe()
    with_dashboards.ansible.succeed("site.yml", "--tags", "verify")
    wait_until(lambda: differences(with_dashboards) == [0] * len(with_dashboards.hosts), within_seconds=120, every_seconds=3)
