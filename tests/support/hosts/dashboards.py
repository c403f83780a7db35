"""Events sent to an edge host, the rows in Druid that became of them, and what the dashboards show."""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from support.hosts import network
from support.hosts.events import rows
from support.hosts.folders import PROJECT, RUN
from support.hosts.host import Host
from support.hosts.processes import run
from support.hosts.testbed import DASHBOARDS_DOMAIN, DOMAIN, Testbed

WITH_HOSTS_FILE: Final = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


def send_page_views(testbed: Testbed, host: Host, site: str, count: int = 1) -> list[str]:
    """Send page views to an edge host and return their ids, all of them acknowledged."""
    ids: list[str] = _browse(testbed, host, "--domain", DOMAIN, "--site", site, "--count", str(count))
    return ids


def wait_for_figure(testbed: Testbed, host: Host, site: str, expected: int) -> float:
    """Return the page views of a site that the dashboards show over an edge host, once there are as many as expected."""
    password = str(RUN / "secrets" / "dashboards-password")
    arguments = ("--domain", DASHBOARDS_DOMAIN, "--site", site, "--count", str(expected), "--password-file", password)
    return float(_browse(testbed, host, *arguments))


def _browse(testbed: Testbed, host: Host, *arguments: str) -> Any:
    hosts_file = RUN / f"hosts-{host.name}"
    hosts_file.write_text(f"127.0.0.1 localhost\n{host.ip} {DOMAIN} {DASHBOARDS_DOMAIN}\n")
    client: list[str | Path] = [sys.executable, "-m", "support.hosts.programs.edge_client", *arguments]
    client += ["--authority", testbed.authority.certificate]
    search = {**os.environ, "PYTHONPATH": f"{PROJECT / 'tests'}{os.pathsep}{PROJECT}"}
    return json.loads(run(*WITH_HOSTS_FILE, hosts_file, *client, namespace=network.CONTROL, environment=search))


def druid_rows(testbed: Testbed) -> Counter[str]:
    """Return how many rows in Druid each event id has."""
    return rows(testbed, "druid_row_ids.py")
