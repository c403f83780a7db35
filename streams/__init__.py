"""The converter: turns the records of a topic into enriched rows."""
