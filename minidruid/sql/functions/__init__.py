"""Druid's functions as DuckDB SQL: an allow-list of scalar functions and one of aggregates."""
