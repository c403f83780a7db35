"""Secrets, read and created by the module of that name in startup/, as in all services."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # last, so that nothing there hides an installed package

from startup.secret_file import PASSWORD, TOKEN, read_or_make_secret, read_secret

__all__ = ["PASSWORD", "TOKEN", "read_or_make_secret", "read_secret"]
