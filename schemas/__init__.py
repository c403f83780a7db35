"""The contract between the stations: what a record is, how it is encoded, which row it becomes."""
