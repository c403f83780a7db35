"""Divolte's wire format: how its tracker writes an event into a query, and how that is read."""
