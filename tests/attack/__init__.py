"""Attacks on a running system, each with harmless input. `make attack` runs them."""
