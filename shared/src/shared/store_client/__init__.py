"""The store's `/internal` API as other services see it: paths and limits, one client, and its errors.

The bodies are in `shared.contracts.internal`.
"""
