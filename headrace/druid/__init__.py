"""The table in Druid: its files, its supervisor, its status."""
