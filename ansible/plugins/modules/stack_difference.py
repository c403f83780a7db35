#!/usr/bin/python
"""The module `stack_difference`: names the services that a deployment would change, and what of them."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.docker_client import connect, services_of
from ansible.module_utils.stack_records import ATTEMPT_PREFIX, changed_keys, difference, known_definition, records, running_definitions

DOCUMENTATION = """
module: stack_difference
short_description: Compare a stack file with what runs
description:
  - Changes nothing, and reports a change if a deployment would make one, also in check mode. The diff names each service.
options:
  stack: {type: str, required: true, description: [Name of the stack.]}
  file: {type: dict, required: true, description: [The stack file.]}
author: [headrace]
"""

EXAMPLES = """
- name: Compare the stack with what runs
  stack_difference:
    stack: headrace
    file: "{{ stack_rendered.stack }}"
"""

RETURN = """
added: {type: list, returned: success, description: Services that do not run yet.}
changed_services: {type: list, returned: success, description: Services with another definition.}
removed: {type: list, returned: success, description: Services that are not in the file.}
"""


def described(name: str, before: Any, after: Any) -> dict[str, str]:
    """Return the part of a diff for one service."""
    places = changed_keys(before, after)
    texts = [
        "".join(f"{place}: {json.dumps(values[side], sort_keys=True)}\n" for place, values in places.items() if values[side] is not None)
        for side in (0, 1)
    ]
    return {"before_header": f"service {name}", "after_header": f"service {name}", "before": texts[0], "after": texts[1]}


def main() -> None:
    """Run the module."""
    options = {"stack": {"type": "str", "required": True}, "file": {"type": "dict", "required": True}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    client = connect(module)
    stack, wanted = module.params["stack"], module.params["file"]
    running = running_definitions(services_of(client, stack), stack)
    configs = client.configs()
    history = [*records(configs, ATTEMPT_PREFIX), *records(configs)]
    found = difference(running, wanted)
    diff = [
        described(name, known_definition(name, running.get(name, ""), history), wanted["services"].get(name, {}))
        for names in found.values()
        for name in names
    ]
    module.exit_json(
        changed=any(found.values()), added=found["added"], changed_services=found["changed"], removed=found["removed"], diff=diff
    )


if __name__ == "__main__":
    main()
