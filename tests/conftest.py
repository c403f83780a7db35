"""Options and fixtures of all tests."""

import atexit
import gc
import os

from hypothesis import settings

# A machine with an almost full disk must fail no test.
os.environ.setdefault("HEADRACE_COLLECTOR_DISK_RESERVE_BYTES", "0")

# No test is timed: a busy machine must fail none.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")

# Hypothesis leaves a callback there, which keeps all modules alive at the end: DuckDB's binding would report its types as leaked.
atexit.register(gc.callbacks.clear)
