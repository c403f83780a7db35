"""The converter on one machine: one transaction of the store for a batch."""
