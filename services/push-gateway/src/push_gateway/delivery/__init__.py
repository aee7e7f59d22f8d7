"""How changes reach sessions, whatever their transport: the hub, the log, presence, and periodic work."""
