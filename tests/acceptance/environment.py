"""The environment of a system under test: the servers of our own environment, if it names some."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from tests.fixtures.systems import given_broker


@asynccontextmanager
async def system_environment() -> AsyncIterator[dict[str, str]]:
    """Yield the variables: a new database on a given Postgres, and a given RabbitMQ with empty queues."""
    variables = await given_broker()
    server = os.environ.get("DATABASE_URL")
    if not server:
        yield variables
        return
    name = f"switchboard_system_{uuid4().hex[:12]}"
    await _execute(server, f'CREATE DATABASE "{name}"')
    try:
        yield {**variables, "DATABASE_URL": make_url(server).set(database=name).render_as_string(hide_password=False)}
    finally:
        await _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _execute(url: str, statement: str) -> None:
    async with asyncio.timeout(60):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
