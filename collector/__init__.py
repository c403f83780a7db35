"""The collector: accepts events over HTTP and writes Avro records to a durable topic."""

import sys
from pathlib import Path

# `python -m` searches the working directory first: a mapping.py of a site there must not hide the package of that name.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
