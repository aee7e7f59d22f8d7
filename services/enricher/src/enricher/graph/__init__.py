"""Calls to the Graph API: whether to make one, making it, and what its response means."""
