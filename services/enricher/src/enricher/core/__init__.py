"""The enricher's decisions: equal inputs give equal outputs, nothing is read, written, awaited or timed here."""
