"""Profiles of customers: who is writing, and the lookups that find out.

`directory` answers while a message waits, `lookup_worker` makes the deferred lookups that are due. `lookups` and
`freshness` are pure.
"""
