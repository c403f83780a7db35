#!/usr/bin/python
"""The module `stack_records`: returns the earlier stack files, and the configs and secrets that are not used any longer."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.docker_client import connect, services_of
from ansible.module_utils.stack_records import ATTEMPT_PREFIX, records, rollback_target, unused

DOCUMENTATION = """
module: stack_records
short_description: Read the stack files that were deployed, and what they left behind
options:
  stack: {type: str, required: true, description: [Name of the stack.]}
author: [headrace]
"""

EXAMPLES = """
- name: Read the earlier stack files
  stack_records:
    stack: headrace
  register: stack_history
"""

RETURN = """
history: {type: list, returned: success, description: The stack files that ran as specified, the newest first.}
attempts: {type: list, returned: success, description: The stack files that were deployed last, the newest first.}
rollback: {type: dict, returned: success, description: The stack file to return to; none if there is no other.}
unused_configs: {type: list, returned: success, description: Configs that neither a service nor an earlier stack file needs.}
unused_secrets: {type: list, returned: success, description: Secrets that no service needs.}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"stack": {"type": "str", "required": True}}, supports_check_mode=True)
    client = connect(module)
    services = services_of(client, module.params["stack"])
    configs = client.configs()
    history, attempts = records(configs), records(configs, ATTEMPT_PREFIX)
    module.exit_json(
        changed=False,
        history=history,
        attempts=attempts,
        rollback=rollback_target(attempts, history),
        unused_configs=unused(configs, services, [*history, *attempts]),
        unused_secrets=unused(client.secrets(), services, []),  # a rollback takes the present secrets
    )


if __name__ == "__main__":
    main()
