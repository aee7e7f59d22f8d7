"""Tokens of users, administrators and services, and encryption of secrets at rest."""
