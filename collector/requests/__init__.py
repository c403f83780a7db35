"""A request for events from its headers to its response: who sent it, from which origin, how often."""
