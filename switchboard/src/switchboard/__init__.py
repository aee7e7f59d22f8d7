"""The command `switchboard`: runs the whole system on one machine, and has the operators' commands."""
