"""The outside parts that `switchboard up` brings along."""
