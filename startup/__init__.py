"""What every service does before it serves: its settings in, its logs on."""
