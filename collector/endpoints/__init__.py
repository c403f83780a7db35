"""The collector's paths: one file a source, and one for what is internal."""
