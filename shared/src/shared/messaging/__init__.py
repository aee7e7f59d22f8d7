"""Messaging: one port, two adapters. Services import the port; only wiring imports an adapter."""
