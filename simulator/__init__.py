"""A demo shop, the visits to it, and the replay of access logs."""
