"""Erasing people: requesting it, doing it step by step, and remembering it."""
