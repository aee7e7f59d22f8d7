"""Servers and programs that the system and its tests need: Postgres, RabbitMQ, Chromium."""
