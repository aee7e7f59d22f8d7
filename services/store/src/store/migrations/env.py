"""Alembic's entry point: runs the migrations on the connection that `store.migrations.migrate` opened."""

from alembic import context

from store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
