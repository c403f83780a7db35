"""The ledger of each collector: received against stored."""

import json

from support.hosts.events import container
from support.hosts.testbed import Testbed

READ = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8291/ledger', timeout=10).read().decode())"


def differences(testbed: Testbed) -> list[int]:
    """Return the events of each host's spool that have no result yet."""
    texts = [host.run("docker", "exec", container(host, "collector"), "python", "-c", READ) for host in testbed.hosts]
    return [json.loads(text)["total"]["difference"] for text in texts]
