"""Inboxes: counters, messages, conversations, receipts and the event log."""
