#!/usr/bin/python
"""The module `image_digests`: asks the registry for the digest of each image, through the engine of a host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.docker_client import APIError, connect

DOCUMENTATION = """
module: image_digests
short_description: Find the digests of images in their registry
options:
  images: {type: list, elements: str, required: true, description: [Full names of the images.]}
author: [headrace]
"""

EXAMPLES = """
- name: Find the digests
  image_digests:
    images: [registry.example.com/headrace-collector:0.3.0]
"""

RETURN = """
digests: {type: dict, returned: success, description: The digest of each image.}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"images": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True)
    client = connect(module)
    digests, errors = {}, []
    for image in module.params["images"]:
        try:
            digests[image] = client.inspect_distribution(image)["Descriptor"]["digest"]
        except APIError as error:
            errors.append(f"{image}: {error.explanation}")
    if errors:
        remedy = "check headrace_registry, headrace_mirror, headrace_version and headrace_registry_ca; `make images` pushes our images"
        module.fail_json(msg="\n".join([f"the registry does not have what the stack needs; {remedy}", *errors]))
    module.exit_json(changed=False, digests=digests)


if __name__ == "__main__":
    main()
