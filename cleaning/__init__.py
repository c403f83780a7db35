"""Cleaning of visitors' texts before they are stored: invisible characters, e-mail addresses, click ids, query parameters."""
