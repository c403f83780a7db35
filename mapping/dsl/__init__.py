"""The language of mappings: its functions, values and statements."""
