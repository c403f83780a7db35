"""The command: runs the stations on one machine, and the tools."""
