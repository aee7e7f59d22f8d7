"""What the store publishes beside its handlers' answers: changes of inboxes, and items that have waited."""
