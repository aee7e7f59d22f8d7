"""What the store says when something is wrong, and the border where Postgres's errors become ours.

shared.errors.DependencyUnavailable   Postgres is away, overloaded, failing over, or chose us in a deadlock
shared.errors.PermanentError
├── Unstorable                        Postgres refuses the data: too long, out of range, not text
├── Refused                           the facts contradict what is stored: a person has to look
└── InvalidDatabaseUrl                the address of the database cannot be read
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import DependencyUnavailable, PermanentError, StartupRefused


class Unstorable(PermanentError):
    """Postgres refuses the data as it is."""


class Refused(PermanentError):
    """The facts contradict what is stored already."""


class InvalidDatabaseUrl(StartupRefused):
    """The address of the database cannot be used; the text never holds the address, which may hold a password."""


_WORLD = ("08", "25006", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes (PostgreSQL documentation, appendix A) that say nothing about the data: connection, read-only after
a fail-over, rollback, resources, locks, intervention, system, internal."""
_AWAY = (OSError, TimeoutError, PoolTimeout, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""asyncpg raises the last one where the server dies between two messages of its protocol."""
_ENTRY = ("28", "3D")
"""Refused at the door: wrong password, no such database. An operator may be setting it right at this moment."""
_DATA = ("21", "22", "23", "54")
"""Cardinality, data, integrity, program limits (e.g. an index row that is too long)."""


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE that the error or what caused it carries."""
    for cause in _causes(error):
        state = getattr(cause, "sqlstate", None) or getattr(getattr(cause, "orig", None), "sqlstate", None)
        if isinstance(state, str):
            return state
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the driver and of SQLAlchemy into ours.

    Raises:
        DependencyUnavailable: Postgres could not do it now.
        Unstorable: Postgres will never take this data.
    """
    try:
        yield
    except (SQLAlchemyError, asyncpg.PostgresError, *_AWAY) as error:
        ours = _translation(error)
        if ours is None:
            raise
        raise ours from error


def _translation(error: BaseException) -> DependencyUnavailable | Unstorable | None:
    state = sqlstate_of(error) or ""
    causes = list(_causes(error))
    # asyncpg's own refusal to encode a value, before Postgres saw it, is both.
    if state.startswith(_DATA) or any(
        isinstance(e, asyncpg.InterfaceError) and isinstance(e, ValueError) for e in causes
    ):
        return Unstorable(f"Postgres cannot hold this {state}: {_first_line(error)}")
    is_away = any(isinstance(cause, _AWAY) for cause in causes)
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if state.startswith(_WORLD + _ENTRY) or is_away or is_lost:
        return DependencyUnavailable(f"Postgres cannot do it now {state}: {_first_line(error) or type(error).__name__}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _first_line(error: BaseException) -> str:
    # SQLAlchemy appends the statement and its parameters: those are people's messages, and never go into a log.
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]
