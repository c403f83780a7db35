"""DuckDB storage: one file with the rows and the state of the converter, one writer and many readers."""
