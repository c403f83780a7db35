"""From a message to a row: decoding, enrichment, conversion."""
