"""How often a service looks for garbage in cycles: rarely, because what it makes for each event has none."""

import gc


def spare_the_collector_of_garbage(*thresholds: int) -> None:
    """Leave what lives as long as the process out of the looking, and look at these thresholds (of `gc.set_threshold`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
