"""The processes of an installation: state folder, ports, supervisor."""
