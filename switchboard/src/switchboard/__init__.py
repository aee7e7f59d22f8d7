"""The command `switchboard`: the whole system on one machine, and the operators' verbs."""
