"""A small demo shop that carries the tracker and fronts the collector."""
