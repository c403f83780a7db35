"""Neither a secret nor a token of the Swarm is in the output of a playbook, however verbose it is."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hosts.testbed import Testbed


def secrets(testbed: Testbed) -> Iterator[tuple[str, str]]:
    """Yield each secret as it could be written: its text, and in base 64; of the TLS key one line."""
    for path in sorted(Path(str(testbed.ansible.variables["headrace_secrets_folder"])).iterdir()):
        yield path.name, path.read_text().strip()
        yield f"{path.name} in base 64", base64.b64encode(path.read_bytes()).decode()
    yield "TLS key", Path(str(testbed.ansible.variables["headrace_tls_key"])).read_text().splitlines()[1]


@pytest.mark.whole
def test_no_secret_is_in_the_output_of_a_verbose_run(deployed: Testbed) -> None:
    output = deployed.ansible.succeed("site.yml", "-vvv", "--diff").output
    assert "Create the secrets" in output
    assert [name for name, text in secrets(deployed) if text in output] == []
    assert re.findall(r"SWMTKN-\S+", output) == []
