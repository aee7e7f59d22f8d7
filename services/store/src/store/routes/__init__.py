"""HTTP: the public REST API under /api, and /internal for the other services."""
