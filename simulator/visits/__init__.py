"""Simulated visits to the demo shop: visitors, their sources, their journeys, and the events that the tracker would send."""
