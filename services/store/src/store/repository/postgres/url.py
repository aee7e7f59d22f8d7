"""The address of the database: which forms are taken, and what asyncpg needs to connect."""

from inspect import signature
from typing import Any

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from store.errors import InvalidDatabaseUrl

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_DEFAULT_STATEMENT_CACHE_SIZE = 100
_PLANNING = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
"""Every statement of the store walks an index by key, in order, and is planned once per connection.

With its defaults, Postgres plans the larger statements anew on every execution (a quarter of the time of a small
batch), sorts whole conversations, keeps plans from when tables were empty, which read whole tables, and starts parallel
workers to read one page (10 ms).
"""


_CONNECT_SECONDS = 5.0
_IDLE_IN_TRANSACTION_SECONDS = 60
"""A machine that vanishes in the middle of a transaction keeps its users' rows locked for so long and no longer."""
_CLIENT_PATIENCE = 1.25
"""Our own timer for a statement runs a little longer than the server's: a statement that the server ends costs no
connection, and leaves nothing behind that goes on waiting for a lock."""


def connect_arguments(database_url: str, *, command_timeout_seconds: float) -> dict[str, Any]:
    """Return the keyword arguments of `asyncpg.connect` for `database_url`.

    Args:
        command_timeout_seconds: for one statement: the server ends it then, and the client soon after gives up a server
            that does not answer. Opening a connection takes as long, but no longer than 5 s.
        database_url: `postgresql://`, `postgres://` or `postgresql+asyncpg://`. A unix socket is given as
            `?host=/folder`. libpq's `sslmode` and `application_name` are understood. `statement_cache_size=0` suits
            poolers that do not support prepared statements.

    Raises:
        InvalidDatabaseUrl: the address has none of these forms. The error's text never contains the address.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise InvalidDatabaseUrl("is not a database address, such as postgresql://user:password@host/name.") from None
    if url.drivername not in _SCHEMES:
        raise InvalidDatabaseUrl("must be the address of a Postgres database (postgresql://...).")
    query = dict(url.query)
    settings = _PLANNING | {
        "application_name": "switchboard-store",
        "statement_timeout": _milliseconds(command_timeout_seconds),
        "idle_in_transaction_session_timeout": _milliseconds(_IDLE_IN_TRANSACTION_SECONDS),
    }
    own: dict[str, Any] = {
        "server_settings": settings,
        "timeout": min(command_timeout_seconds, _CONNECT_SECONDS),
        "command_timeout": command_timeout_seconds * _CLIENT_PATIENCE,
    }
    query.pop("prepared_statement_cache_size", None)  # of SQLAlchemy's pool, which had a second cache
    if isinstance(size := query.pop("statement_cache_size", None), str):
        own["statement_cache_size"] = int(size) if size.isdecimal() else _DEFAULT_STATEMENT_CACHE_SIZE
    if isinstance(name := query.pop("application_name", None), str):
        settings["application_name"] = name
    if isinstance(mode := query.pop("sslmode", None), str):
        if mode not in _SSL_MODES:
            raise InvalidDatabaseUrl(f"has an sslmode that libpq does not know: {mode!r}.")
        own["ssl"] = mode
    try:
        url = url.set(drivername="postgresql+asyncpg", query=query)
        _, arguments = url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):
        raise InvalidDatabaseUrl("must name every host with its port, or one host.") from None
    if unknown := arguments.keys() - signature(asyncpg.connect).parameters.keys():
        raise InvalidDatabaseUrl(f"has parameters that asyncpg does not know: {', '.join(sorted(unknown))}.")
    return {**arguments, **own}


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
