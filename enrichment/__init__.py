"""Enrichment: the place, device, bot reasons and channel of an event, from reference data on this machine."""
