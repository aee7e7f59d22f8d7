"""The store's decisions. Pure: nothing is read or written, no clock, no randomness."""
