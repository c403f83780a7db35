#!/usr/bin/python
"""The module `swarm_converged`: waits until a stack runs as specified, or fails with the last log lines of what does not."""

from __future__ import annotations

import time
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.convergence import ServiceState, Watch, service_state, usable_nodes

try:
    import docker
except ImportError:
    docker = None
    IMPORT_ERROR = traceback.format_exc()

DOCUMENTATION = """
module: swarm_converged
short_description: Wait until a stack runs as specified
description:
  - A service runs as specified if as many tasks as its replicas, or as the hosts that its constraints admit, run its image, and its update
    is complete. A job runs as specified if it is complete. All of that must stay so for some seconds.
  - Fails at once if an update was paused or rolled back, and with the last log lines of each service that does not run.
options:
  stack: {type: str, required: true, description: [Name of the stack.]}
  stable: {type: int, default: 5, description: [Seconds without a change.]}
  crash_timeout: {type: int, default: 100, description: [Seconds without progress while tasks of a service end by themselves.]}
  timeout: {type: int, default: 300, description: [Seconds without progress in any other case.]}
  log_lines: {type: int, default: 15, description: [Number of log lines of each failed service.]}
author: [headrace]
"""

EXAMPLES = """
- name: Wait until every service runs
  swarm_converged:
    stack: headrace
"""

RETURN = """
seconds: {type: float, returned: success, description: The time it took.}
tasks: {type: int, returned: success, description: The number of tasks that run.}
"""

INTERVAL_SECONDS = 1
LOG_TIMEOUT_SECONDS = 10


def observe(client: Any, stack: str) -> dict[str, ServiceState]:
    """Return the state of each service of the stack."""
    nodes = usable_nodes(client.nodes())
    services = client.services(filters={"label": f"com.docker.stack.namespace={stack}"})
    return {
        service["Spec"]["Name"]: service_state(service, client.tasks(filters={"service": service["ID"]}), nodes) for service in services
    }


def last_lines(module: AnsibleModule, service: str) -> str:
    """Return the end of the log of a service; Docker waits for hosts that do not respond, so the time is limited."""
    command = [
        "timeout",
        str(LOG_TIMEOUT_SECONDS),
        "docker",
        "service",
        "logs",
        "--raw",
        "--tail",
        str(module.params["log_lines"]),
        service,
    ]
    _, out, err = module.run_command(command)
    return (out + err).strip() or "it logged nothing"


def failure(module: AnsibleModule, states: dict[str, ServiceState], failed: list[str]) -> str:
    """Return what does not run, each failed service with its reason and the end of its log."""
    parts = [f"the stack {module.params['stack']} does not run as specified"]
    for name in failed:
        reasons = "; ".join(finding.reason for finding in states[name].findings)
        parts.append(f"{name}: {reasons}\nlast log lines of {name}:\n{last_lines(module, name)}")
    others = [name for name, state in states.items() if state.findings and name not in failed]
    return "\n\n".join([*parts, *([f"not running yet: {', '.join(others)}"] if others else [])])


def wait(module: AnsibleModule, client: Any) -> None:
    """Observe the stack until the watch decides."""
    began = time.monotonic()
    watch = Watch(began, module.params["stable"], module.params["crash_timeout"], module.params["timeout"])
    while True:
        states = observe(client, module.params["stack"])
        outcome, failed = watch.observe(time.monotonic(), states)
        seconds = round(time.monotonic() - began, 1)
        if outcome == "converged" or module.check_mode:
            module.exit_json(changed=False, seconds=seconds, tasks=sum(len(state.good_tasks) for state in states.values()))
        if outcome == "failed":
            module.fail_json(msg=failure(module, states, failed), seconds=seconds)
        time.sleep(INTERVAL_SECONDS)


def main() -> None:
    """Run the module."""
    options = {
        "stack": {"type": "str", "required": True},
        "stable": {"type": "int", "default": 5},
        "crash_timeout": {"type": "int", "default": 100},
        "timeout": {"type": "int", "default": 300},
        "log_lines": {"type": "int", "default": 15},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    if docker is None:
        module.fail_json(msg=missing_required_lib("docker"), exception=IMPORT_ERROR)
    wait(module, docker.APIClient(version="auto"))


if __name__ == "__main__":
    main()
