"""Deletion of rows, from Druid or from the store."""
