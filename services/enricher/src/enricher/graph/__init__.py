"""Calls to the Graph API: whether to make one, making it, and what its response means.

`policy` decides and calls, with the state of `limiter` (rate limits and quotas) and `breaker`. `client` makes the HTTP
calls, `responses` and `usage` read what comes back. `breaker`, `quota`, `responses` and `usage` are pure.
"""
