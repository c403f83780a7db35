"""The collector's processes: the ports, the server, the workers and their spools."""
