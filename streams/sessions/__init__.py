"""Parties and sessions of events."""
