"""Simulated visits to the demo shop: who comes, from where, what they do, and what the tracker would report of it."""
