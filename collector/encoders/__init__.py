"""From the mapping and schema of a source to the function that encodes its events."""
