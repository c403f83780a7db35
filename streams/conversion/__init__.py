"""From a record to a row: decoding, enrichment, conversion."""
