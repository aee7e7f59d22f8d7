"""The errors of the store, and the translation of the driver's errors into them.

shared.errors.DependencyUnavailable   Postgres is unavailable, overloaded, failing over, or chose us in a deadlock
shared.errors.PermanentError
└── Unstorable                        Postgres refuses the data: too long, out of range, not text
shared.errors.StartupRefused
├── InvalidDatabaseUrl                the address of the database cannot be used
└── UnknownRevision                   the schema is one that this version does not know
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.errors import DependencyUnavailable, PermanentError, StartupRefused


class Unstorable(PermanentError):
    """Postgres refuses the data as it is."""


class InvalidDatabaseUrl(StartupRefused):
    """The address of the database cannot be used. The text never contains the address, which may hold a password."""


class UnknownRevision(StartupRefused):
    """The database schema is at a revision that this version does not know."""


_UNAVAILABLE_STATES = ("08", "25006", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes (PostgreSQL documentation, appendix A) that say nothing about the data: connection, read-only after
a fail-over, rollback, resources, locks, intervention, system, internal."""
_CREDENTIAL_STATES = ("28", "3D")
"""Wrong password, no such database. An operator may be fixing it right now, so these are temporary too."""
_NO_RIGHT_STATE = "42501"
"""The role lacks a right on a table. An operator grants it, and nothing is wrong with the data."""
_DATA_STATES = ("21", "22", "23", "54")
"""Cardinality, data, integrity, program limits (e.g. an index row that is too long)."""
_UNAVAILABLE = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""asyncpg raises InternalClientError when the server dies between two messages of its protocol."""


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of the error or of what caused it."""
    cause: BaseException | None = error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return None


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise the driver's errors as ours.

    Raises:
        DependencyUnavailable: Postgres is unavailable.
        Unstorable: Postgres refuses the data.
    """
    try:
        yield
    except (asyncpg.PostgresError, *_UNAVAILABLE) as error:
        ours = _translation(error)
        if ours is None:
            raise
        raise ours from error


def _translation(error: BaseException) -> DependencyUnavailable | Unstorable | None:
    state = sqlstate_of(error) or ""
    # Only the first line: the others may quote people's messages, which never go into a log.
    reason = str(error).split("\n", 1)[0] or type(error).__name__
    # asyncpg's refusal to encode a value, before Postgres sees it, is both an InterfaceError and a ValueError.
    is_unencodable = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    if state == _NO_RIGHT_STATE:
        return DependencyUnavailable(
            f"the database role lacks a right ({reason}): run `switchboard migrate` with the owner in "
            "SWITCHBOARD_MIGRATION_DATABASE_URL, which grants it"
        )
    if state.startswith(_DATA_STATES) or is_unencodable:
        return Unstorable(f"Postgres refuses the data ({state or 'not encodable'}): {reason}")
    if state.startswith(_UNAVAILABLE_STATES + _CREDENTIAL_STATES) or isinstance(error, _UNAVAILABLE):
        return DependencyUnavailable(f"Postgres is unavailable ({state or 'no connection'}): {reason}")
    return None
