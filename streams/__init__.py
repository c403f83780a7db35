"""The converter: records from one topic in, enriched rows out."""
