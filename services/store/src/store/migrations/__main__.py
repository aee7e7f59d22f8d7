"""`python -m store.migrations`: migrates the database to this version's schema.

As the role of SWITCHBOARD_MIGRATION_DATABASE_URL, which then grants the role of SWITCHBOARD_DATABASE_URL the rights of
the store; without it, as the role of SWITCHBOARD_DATABASE_URL.
"""

import asyncio
import os
import sys

from shared.errors import DependencyUnavailable, StartupRefused
from shared.settings import ENV_PREFIX
from store.errors import InvalidDatabaseUrl
from store.migrations import migrate
from store.migrations.grants import role_of


def main() -> None:
    """Migrate. Exit status: 0 done, 2 the address cannot be used, 3 unknown revision, 4 the database is unavailable."""
    store_url = os.environ.get(f"{ENV_PREFIX}DATABASE_URL", "")
    owner_url = os.environ.get(f"{ENV_PREFIX}MIGRATION_DATABASE_URL", "")
    try:
        store_role = role_of(store_url) if owner_url else None
        asyncio.run(migrate(owner_url or store_url, store_role=store_role, progress=_say))
    except InvalidDatabaseUrl as error:
        sys.exit(_failed(f"{ENV_PREFIX}{'MIGRATION_' if owner_url else ''}DATABASE_URL: {error}", 2))
    except StartupRefused as error:
        sys.exit(_failed(str(error), 3))
    except DependencyUnavailable as error:
        sys.exit(_failed(str(error), 4))


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - a command prints


def _failed(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - a command prints
    return code


if __name__ == "__main__":
    main()
