"""Folders of the test hosts: what can be used again by the next run, and what belongs to one run."""

import os
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
CACHE: Final = PROJECT / "var-hosts" / "cache"
# Several runs can share a machine, each with another number: networks, hosts, images and folders are then its own.
BED: Final = int(os.environ.get("HEADRACE_TEST_BED", "0"))
SUFFIX: Final = str(BED or "")
RUN: Final = PROJECT / "var-hosts" / f"run{SUFFIX}"
HERE: Final = Path(__file__).parent
