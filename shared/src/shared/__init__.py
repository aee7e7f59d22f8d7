"""What every Switchboard service stands on: contracts, messaging, security, settings, observability."""
