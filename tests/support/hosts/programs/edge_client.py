"""A browser's requests to one edge host over TLS: it sends page views, or reads a figure of the dashboards.

A program of its own: it runs in the control namespace, where /etc/hosts has the domains, and prints its result as JSON.
"""

import argparse
import json
import ssl
import time
import uuid
from pathlib import Path

import httpx
from support.superset import Dashboards

from headrace.polling import attempts

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FIGURE_SECONDS = 90
POLL_INTERVAL_SECONDS = 1


def send_page_views(domain: str, tls: ssl.SSLContext, site: str, count: int) -> list[str]:
    """Return the ids of the page views that were acknowledged."""
    now = int(time.time() * 1000)
    ids = [uuid.uuid4().hex for _ in range(count)]
    events = [{"id": event_id, "type": "pageView", "created_at": now, "url": "https://shop.example/page"} for event_id in ids]
    with httpx.Client(base_url=f"https://{domain}", verify=tls, trust_env=False, headers={"User-Agent": BROWSER}) as client:
        client.post("/h", json={"version": 1, "site": site, "sent_at": now, "events": events}).raise_for_status()
    return ids


def wait_for_figure(domain: str, tls: ssl.SSLContext, site: str, password: str, expected: int) -> float:
    """Return the number of page views of a site as the chart of the dashboard shows it, once it is at least the expected one."""
    dashboards = Dashboards(f"https://{domain}", password, verify=tls)
    for _ in attempts(FIGURE_SECONDS, POLL_INTERVAL_SECONDS):
        found = dashboards.figure("page_views", site=[site])
        if found >= expected:
            break
    dashboards.close()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--domain", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--site", required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--password-file", type=Path)
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.authority)
    if options.password_file:
        secret = options.password_file.read_text().strip()
        print(json.dumps(wait_for_figure(options.domain, context, options.site, secret, options.count)))
    else:
        print(json.dumps(send_page_views(options.domain, context, options.site, options.count)))
