#!/usr/bin/python
"""The module `swarm_converged`: waits until a stack runs as specified, or fails with the last log lines of what does not."""

from __future__ import annotations

import math
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.convergence import ServiceState, Watch, service_state, usable_nodes
from ansible.module_utils.docker_client import connect, services_of
from ansible.module_utils.polling import attempts

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
    return {
        service["Spec"]["Name"]: service_state(service, client.tasks(filters={"service": service["ID"]}), nodes)
        for service in services_of(client, stack)
    }


class Logs:
    """The ends of the logs of failed tasks. They are read at once, because Swarm soon removes the containers."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._of_task: dict[str, str] = {}

    def read(self, states: dict[str, ServiceState]) -> None:
        """Read the log of the newest failed task of each service, unless it is known."""
        for state in states.values():
            for task in state.failed_tasks[:1] if state.findings else ():
                if task not in self._of_task:
                    self._of_task[task] = self._tail(task)

    def last_lines(self, service: str, state: ServiceState) -> str:
        """Return the end of the log of the newest failed task that logged something, otherwise of the service."""
        return next((self._of_task[task] for task in state.failed_tasks if self._of_task.get(task)), self._tail(service)) or "(empty)"

    def _tail(self, name: str) -> str:
        """Return the end of a log; Docker waits for hosts that do not respond, so the time is limited."""
        lines = str(self._module.params["log_lines"])
        command = ["timeout", str(LOG_TIMEOUT_SECONDS), "docker", "service", "logs", "--raw", "--tail", lines, name]
        _, out, err = self._module.run_command(command)
        return str(out + err).strip()


def failure(stack: str, states: dict[str, ServiceState], failed: list[str], logs: Logs) -> str:
    """Return what does not run, each failed service with its reason and the end of its log."""
    parts = [f"the stack {stack} does not run as specified"]
    for name in failed:
        reasons = "; ".join(finding.reason for finding in states[name].findings)
        parts.append(f"{name}: {reasons}\nlast log lines of {name}:\n{logs.last_lines(name, states[name])}")
    others = [name for name, state in states.items() if state.findings and name not in failed]
    return "\n\n".join([*parts, *([f"not running yet: {', '.join(others)}"] if others else [])])


def wait(module: AnsibleModule, client: Any) -> None:
    """Observe the stack until the watch decides."""
    began, logs = time.monotonic(), Logs(module)
    watch = Watch(began, module.params["stable"], module.params["crash_timeout"], module.params["timeout"])
    for _ in attempts(math.inf, INTERVAL_SECONDS):
        states = observe(client, module.params["stack"])
        outcome, failed = watch.observe(time.monotonic(), states)
        logs.read(states)
        seconds = round(time.monotonic() - began, 1)
        if outcome == "converged" or module.check_mode:
            module.exit_json(changed=False, seconds=seconds, tasks=sum(len(state.good_tasks) for state in states.values()))
        if outcome == "failed":
            module.fail_json(msg=failure(module.params["stack"], states, failed, logs), seconds=seconds)


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
    wait(module, connect(module))


if __name__ == "__main__":
    main()
