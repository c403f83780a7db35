"""The collector's paths: one file per source kind, the scripts, and the internal port."""
