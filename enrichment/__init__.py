"""Facts looked up from reference data: place, device, bot, channel."""
