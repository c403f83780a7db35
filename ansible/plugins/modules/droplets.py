#!/usr/bin/python
"""Create or delete the droplets of an installation on DigitalOcean."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible.module_utils.digitalocean import Api, ApiError
from ansible.module_utils.droplets import Account, Installation, private_ip, public_ip

DOCUMENTATION = r"""
module: droplets
short_description: Create or delete the droplets of an installation on DigitalOcean
description:
  - Makes an account contain a tag, a key, a private network, a firewall and droplets, all of one name, or none of them.
  - Changes nothing else in the account, and never a droplet that exists.
options:
  name:
    description: The name of all objects and the droplets' tag.
    type: str
    required: true
  state:
    description: V(present) creates what is missing, V(absent) deletes it all, with the data on the droplets.
    type: str
    choices: [present, absent]
    default: present
  sizes:
    description: The size of each droplet, by name.
    type: dict
    required: true
  region:
    description: The region of the network and of the droplets.
    type: str
    required: true
  image:
    description: The image that new droplets are created from.
    type: str
    required: true
  public_key:
    description: The SSH public key of C(root) on new droplets.
    type: str
    required: true
  admin_networks:
    description: The networks that reach SSH.
    type: list
    elements: str
    required: true
  ip_range:
    description: The private network; DigitalOcean chooses one when empty.
    type: str
    default: ''
  api:
    description: The API's base URL.
    type: str
    default: https://api.digitalocean.com
  token:
    description: The API's token, from the environment's E(DO_API_TOKEN).
    type: str
author: headrace
"""

EXAMPLES = r"""
- name: Create three droplets
  droplets:
    name: headrace
    sizes: {host-1: s-4vcpu-8gb, host-2: s-4vcpu-8gb, host-3: s-4vcpu-8gb}
    region: fra1
    image: debian-13-x64
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    admin_networks: [192.0.2.0/24]
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: always
  type: list
droplets:
  description: The public and the private IPv4 of each droplet, by name.
  returned: when O(state=present)
  type: dict
"""

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "sizes": {"type": "dict", "required": True},
    "region": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "public_key": {"type": "str", "required": True, "no_log": False},
    "admin_networks": {"type": "list", "elements": "str", "required": True},
    "ip_range": {"type": "str", "default": ""},
    "api": {"type": "str", "default": "https://api.digitalocean.com"},
    "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["DO_API_TOKEN"])},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    installation = Installation(
        name=wanted["name"],
        region=wanted["region"],
        public_key=wanted["public_key"].strip(),
        image=wanted["image"],
        sizes=wanted["sizes"],
        admin_networks=wanted["admin_networks"],
        ip_range=wanted["ip_range"],
    )
    droplets, changes = {}, []
    try:
        account = Account(Api(wanted["api"], wanted["token"] or ""), installation, check=module.check_mode)
        changes = account.changes
        if wanted["state"] == "absent":
            account.delete()
        else:
            droplets = {name: {"public": public_ip(droplet), "private": private_ip(droplet)} for name, droplet in account.create().items()}
            if names := account.unlisted():
                module.warn(f"The inventory lacks {', '.join(names)}: delete those droplets in the control panel if they are not needed")
    except ApiError as error:
        module.fail_json(msg=str(error), changes=changes)
    module.exit_json(
        changed=bool(changes), changes=changes, droplets=droplets, diff={"prepared": "".join(f"{change}\n" for change in changes)}
    )


if __name__ == "__main__":
    main()
