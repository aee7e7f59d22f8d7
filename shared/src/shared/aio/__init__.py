"""Building blocks for asyncio code that several services share."""
