"""Druid's SQL in, DuckDB's SQL out: what is not on a list here is refused by name."""
