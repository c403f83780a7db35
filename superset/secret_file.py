"""The secrets of all services are read and made in one way: by the module of that name in the project's folder startup/."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # last: nothing there takes the place of an installed package

from startup.secret_file import PASSWORD, TOKEN, read_or_make_secret, read_secret

__all__ = ["PASSWORD", "TOKEN", "read_or_make_secret", "read_secret"]
