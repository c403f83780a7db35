"""The events of a batch: parsed, their identifiers checked, duplicates found."""
