"""The enricher: webhooks to items, with whose they are, which conversation they belong to and who is writing."""
