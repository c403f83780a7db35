"""How often a service looks for garbage in cycles: rarely, because what it makes for each event has none."""

import atexit
import gc


def spare_the_collector_of_garbage(*thresholds: int) -> None:
    """Leave what lives as long as the process out of the looking, and look at these thresholds (of `gc.set_threshold`)."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # frozen objects outlive the interpreter, and DuckDB's binding reports its own as leaked on stderr
    gc.set_threshold(*thresholds)
