#!/usr/bin/python
"""The module `edge_answer`: asks a host for a page over TLS, and checks that it presents the expected certificate."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.polling import attempts

DOCUMENTATION = """
module: edge_answer
short_description: Check that a host answers over TLS
description:
  - Connects to an address, asks for a domain and compares the certificate with a file, so neither DNS nor an authority matters.
options:
  host: {type: str, required: true, description: [Address to connect to.]}
  domain: {type: str, required: true, description: [Domain to ask for.]}
  path: {type: str, default: /, description: [Path to ask for.]}
  statuses: {type: list, elements: int, default: [200], description: [Statuses that are right.]}
  certificate: {type: path, required: true, description: [Certificate in PEM that the host must present.]}
  port: {type: int, default: 443, description: [Port to connect to.]}
  timeout: {type: int, default: 30, description: [Seconds until the right answer must have come.]}
author: [headrace]
"""

EXAMPLES = """
- name: Ask for the tracker
  edge_answer:
    host: 203.0.113.11
    domain: collect.example.com
    path: /headrace.js
    certificate: tls/fullchain.pem
  delegate_to: localhost
"""

RETURN = """
status: {type: int, returned: success, description: Status of the answer.}
"""

INTERVAL_SECONDS = 1
END = "-----END CERTIFICATE-----"


def ask(host: str, port: int, domain: str, path: str) -> tuple[bytes, int]:
    """Return the certificate that is presented and the status of the answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # compared with the file instead
    with (
        socket.create_connection((host, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=domain) as secured,
    ):
        connection = http.client.HTTPSConnection(domain, port, context=context)
        connection.sock = secured  # to the host, whatever DNS says about the domain
        connection.request("GET", path)
        return secured.getpeercert(binary_form=True) or b"", connection.getresponse().status


def main() -> None:
    """Run the module."""
    options = {
        "host": {"type": "str", "required": True},
        "domain": {"type": "str", "required": True},
        "path": {"type": "str", "default": "/"},
        "statuses": {"type": "list", "elements": "int", "default": [200]},
        "certificate": {"type": "path", "required": True},
        "port": {"type": "int", "default": 443},
        "timeout": {"type": "int", "default": 30},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    given = module.params
    first, end, _ = Path(given["certificate"]).read_text("ascii").partition(END)
    expected = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :] + end)
    place, message = f"https://{given['domain']}:{given['port']}{given['path']} at {given['host']}", ""
    for _ in attempts(given["timeout"], INTERVAL_SECONDS):
        try:
            certificate, status = ask(given["host"], given["port"], given["domain"], given["path"])
        except (OSError, http.client.HTTPException) as error:
            message = f"{place} does not answer: {error}"
        else:
            if certificate == expected and status in given["statuses"]:
                module.exit_json(changed=False, status=status)
            message = f"{place} answers {status}" if certificate == expected else f"{place} presents another certificate than the file"
    module.fail_json(msg=message)


if __name__ == "__main__":
    main()
