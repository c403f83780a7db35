"""One machine: rows in DuckDB, Druid SQL over HTTP."""
