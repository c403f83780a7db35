"""Tuning of the garbage collector: it runs rarely, because the objects of an event form no cycles."""

import atexit
import gc


def freeze_gc(*thresholds: int) -> None:
    """Exclude all current objects from garbage collection, and collect at these thresholds (of `gc.set_threshold`)."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # otherwise they outlive the interpreter, and DuckDB's binding reports leaks on stderr
    gc.set_threshold(*thresholds)
