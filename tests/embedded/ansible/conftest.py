"""The utilities of Ansible's modules under the name that Ansible imports them by."""

import sys

import ansible.plugins.module_utils

sys.modules.setdefault("ansible.module_utils", ansible.plugins.module_utils)
