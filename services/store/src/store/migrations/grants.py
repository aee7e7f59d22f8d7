"""Gives the store's own role the rights that it needs: rows, and nothing of the schema."""

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ArgumentError

from shared.errors import StartupRefused

_STATEMENTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)
"""The last two are for tables of later migrations, so that a store of the new version finds its rights."""
_IS_OWNED = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = :role
    ORDER BY 1 LIMIT 1
"""


def role_of(database_url: str) -> str:
    """Return the role that an address of the database names.

    Raises:
        StartupRefused: it names none.
    """
    try:
        role = make_url(database_url).username
    except ArgumentError:
        role = None
    if not role:
        raise StartupRefused("SWITCHBOARD_DATABASE_URL names no role, so nothing can be granted to the store.")
    return role


def grant(connection: Connection, role: str) -> None:
    """Give `role` the rights of the store on every table, now and in later migrations.

    Raises:
        StartupRefused: the role is ours, owns a table, is a superuser or does not exist; the text says what to do.
    """
    if role == connection.scalar(text("SELECT current_user")):
        raise StartupRefused(
            f"Migrations and the store use the same role {role!r}: name the owner in "
            "SWITCHBOARD_MIGRATION_DATABASE_URL and the store's role in SWITCHBOARD_DATABASE_URL."
        )
    is_superuser = connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = :role"), {"role": role})
    if is_superuser is None:
        raise StartupRefused(f"The role {role!r} of SWITCHBOARD_DATABASE_URL does not exist: create it first.")
    if is_superuser:
        raise StartupRefused(f"The store's role {role!r} is a superuser: ALTER ROLE … NOSUPERUSER, or choose another.")
    if owned := connection.scalar(text(_IS_OWNED), {"role": role}):
        raise StartupRefused(
            f"The store's role {role!r} owns {owned}: run REASSIGN OWNED BY … TO the owner (docs/operations.md)."
        )
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.scalar(text("SELECT current_schema()"))
    for statement in _STATEMENTS:
        connection.execute(text(statement.format(schema=quote(str(schema)), role=quote(role))))
    connection.commit()
