"""The store works with a role that owns nothing, and that role cannot change the schema."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from shared.errors import DependencyUnavailable, StartupRefused
from store.migrations import migrate
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from tests.integration.store.parts import Service, message

WAIT_SECONDS = 20


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role, password="secret").render_as_string(hide_password=False)


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=WAIT_SECONDS, command_timeout=WAIT_SECONDS)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def two_roles(database_url: str) -> AsyncIterator[tuple[str, str]]:
    """Yield an owner, who owns every table of the database, and a role without any rights."""
    owner, user = (f"{kind}_{uuid4().hex[:8]}" for kind in ("owner", "user"))
    # A superuser's own tables cannot be reassigned together with what the server needs.
    await execute(
        database_url,
        f"CREATE ROLE {owner} LOGIN PASSWORD 'secret'",
        f"CREATE ROLE {user} LOGIN PASSWORD 'secret'",
        f"""DO $$ DECLARE each record; BEGIN
            FOR each IN SELECT oid::regclass AS name FROM pg_class
                        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') LOOP
                EXECUTE format('ALTER TABLE %s OWNER TO {owner}', each.name);
            END LOOP;
            FOR each IN SELECT oid::regprocedure AS name FROM pg_proc
                        WHERE pronamespace = current_schema()::regnamespace LOOP
                EXECUTE format('ALTER ROUTINE %s OWNER TO {owner}', each.name);
            END LOOP; END $$""",  # noqa: S608 - our own names
        f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}",
    )
    try:
        yield owner, user
    finally:
        for role in (owner, user):
            await execute(database_url, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


async def test_the_store_works_with_a_role_that_owns_nothing(
    database_url: str, start: Callable[..., AbstractAsyncContextManager[Service]]
) -> None:
    async with two_roles(database_url) as (owner, user):
        await migrate(as_role(database_url, owner), store_role=user)
        await migrate(as_role(database_url, owner), store_role=user)  # safe to repeat

        async with start(database_url=as_role(database_url, user)) as service:
            await service.connect()
            await service.broker.publish([message("m-1")])
            answer = await service.public.get("/api/conversations", headers=service.as_user())
            assert answer.status_code == 200, answer.text
            assert "m-1" in answer.text


async def test_an_owner_who_is_no_superuser_migrates_an_empty_database(database_url: str) -> None:
    async with two_roles(database_url) as (owner, user):
        await execute(database_url, f"CREATE DATABASE {owner} OWNER {owner}")
        try:
            url = make_url(as_role(database_url, owner)).set(database=owner).render_as_string(hide_password=False)
            await migrate(url, store_role=user)
            await execute(as_role(url, user), "SELECT 1 FROM messages", "SELECT 1 FROM alembic_version")
        finally:
            await execute(database_url, f"DROP DATABASE {owner} WITH (FORCE)")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE messages",
        "ALTER TABLE messages ADD COLUMN extra int",
        "TRUNCATE messages",
        "CREATE TABLE ours (n int)",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE ROLE another SUPERUSER",
    ],
)
async def test_the_stores_role_cannot_change_the_schema(database_url: str, statement: str) -> None:
    async with two_roles(database_url) as (owner, user):
        await migrate(as_role(database_url, owner), store_role=user)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(as_role(database_url, user), statement)


async def test_tables_of_later_migrations_are_the_stores_too(database_url: str) -> None:
    async with two_roles(database_url) as (owner, user):
        await migrate(as_role(database_url, owner), store_role=user)
        await execute(as_role(database_url, owner), "CREATE TABLE later (n bigserial)")
        await execute(as_role(database_url, user), "INSERT INTO later DEFAULT VALUES", "DELETE FROM later")


async def test_a_missing_right_is_held_and_says_what_to_do(database_url: str) -> None:
    async with two_roles(database_url) as (_, user):
        database = Database(as_role(database_url, user), pool_size=1, command_timeout_seconds=WAIT_SECONDS)
        try:
            with pytest.raises(DependencyUnavailable, match="SWITCHBOARD_MIGRATION_DATABASE_URL, which grants it"):
                async with database.reading() as connection:
                    await connection.execute(Statement("SELECT 1 FROM messages"))
        finally:
            await database.close()


async def test_roles_that_are_not_apart_are_refused(database_url: str) -> None:
    async with two_roles(database_url) as (owner, user):
        with pytest.raises(StartupRefused, match="use the same role"):
            await migrate(as_role(database_url, owner), store_role=owner)
        with pytest.raises(StartupRefused, match="does not exist"):
            await migrate(as_role(database_url, owner), store_role="nobody_here")
        await execute(database_url, f"ALTER TABLE parked_items OWNER TO {user}")
        with pytest.raises(StartupRefused, match="owns parked_items: run REASSIGN OWNED"):
            await migrate(as_role(database_url, owner), store_role=user)
        # The documented step, for a database in which the store was the owner.
        await execute(database_url, f"REASSIGN OWNED BY {user} TO {owner}")
        await migrate(as_role(database_url, owner), store_role=user)
