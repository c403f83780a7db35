"""Translates Druid's SQL to DuckDB's. Everything that is not on an allow-list is rejected."""
