"""Rows that are deleted, from Druid or from the store."""
