"""Divolte's wire formats: queries of its tag, bodies of its JSON source, and their checksum, identifiers and responses."""
