"""The edge of a host: TLS for the names of the inventory, and nothing for others."""

import pytest
from support.hosts import network
from support.hosts.processes import run
from support.hosts.testbed import DOMAIN, Testbed

FORMAT = "%{http_code} %{redirect_url}"


def curl(*arguments: str) -> str:
    return run(
        "curl", "--silent", "--output", "/dev/null", "--write-out", FORMAT, *arguments, namespace=network.CONTROL, check=False
    ).strip()


def test_plain_http_is_redirected_with_its_method_and_its_query(deployed: Testbed) -> None:
    for host in deployed.hosts:
        assert curl("--header", f"Host: {DOMAIN}", f"http://{host.ip}/h?site=shop") == f"308 https://{DOMAIN}/h?site=shop"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_name_gets_no_answer(deployed: Testbed, scheme: str) -> None:
    for host in deployed.hosts:
        ports = [f"other.test:{port}:{host.ip}" for port in (80, 443)]
        resolve = [argument for port in ports for argument in ("--resolve", port)]
        assert curl("--insecure", *resolve, f"{scheme}://other.test/headrace.js") == "000"
