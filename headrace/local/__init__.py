"""headrace on one machine: up, down, status."""
