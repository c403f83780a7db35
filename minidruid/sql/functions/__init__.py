"""Druid's functions in DuckDB's SQL: allow-lists of scalar functions and of aggregates."""
