"""The whole stack: an event sent to any edge host is a row in Druid and a figure of the dashboards."""

import time
import uuid

import pytest
from support.hosts.dashboards import druid_rows, send_page_views, wait_for_figure
from support.hosts.ledger import differences
from support.hosts.testbed import Testbed
from support.waiting import wait_until

pytestmark = pytest.mark.whole


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
