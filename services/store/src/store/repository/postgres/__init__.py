"""Postgres: the pool of connections, transactions, statements and the columns that they select."""
