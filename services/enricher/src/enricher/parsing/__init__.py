"""Webhook bodies to items: pure functions that accept any input."""
