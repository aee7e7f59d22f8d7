"""Messaging: one port and two adapters. Services import the port; only the wiring of a process imports an adapter."""
