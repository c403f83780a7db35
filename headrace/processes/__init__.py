"""The processes of an installation: their folder, their ports, their supervisor."""
