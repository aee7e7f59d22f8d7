"""Receives webhooks: verifies the signature, publishes the raw body, answers 200 after the broker's confirm."""
