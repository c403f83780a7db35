"""Docker's API on the host, as the modules use it."""

from __future__ import annotations

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import docker
    from docker.errors import APIError
except ImportError:
    docker, APIError = None, Exception
    IMPORT_ERROR = traceback.format_exc()

__all__ = ["APIError", "connect", "services_of"]


def connect(module: AnsibleModule) -> Any:
    """Return a client of the host's Docker; end the module if the library is missing."""
    if docker is None:
        module.fail_json(msg=missing_required_lib("docker"), exception=IMPORT_ERROR)
    return docker.APIClient(version="auto")


def services_of(client: Any, stack: str) -> list[dict[str, Any]]:
    """Return the services of a stack."""
    services: list[dict[str, Any]] = client.services(filters={"label": f"com.docker.stack.namespace={stack}"})
    return services
