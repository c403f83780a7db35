"""Parties and sessions: whose an event is, and which session it belongs to."""
