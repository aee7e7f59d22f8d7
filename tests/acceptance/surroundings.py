"""What a system under test is told of its surroundings: servers that the environment names, else its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from tests.fixtures.systems import given_broker


@asynccontextmanager
async def surroundings() -> AsyncIterator[dict[str, str]]:
    """Yield variables for a system: of a given server, a database of its own and queues that hold nothing."""
    told = await given_broker()
    server = os.environ.get("DATABASE_URL")
    if not server:
        yield told
        return
    name = f"switchboard_system_{uuid4().hex[:12]}"
    await _execute(server, f'CREATE DATABASE "{name}"')
    try:
        yield {**told, "DATABASE_URL": make_url(server).set(database=name).render_as_string(hide_password=False)}
    finally:
        await _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _execute(url: str, statement: str) -> None:
    async with asyncio.timeout(60):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
