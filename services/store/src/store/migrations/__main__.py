"""`python -m store.migrations`: migrates the database of SWITCHBOARD_DATABASE_URL to this version's schema."""

import asyncio
import os
import sys

from shared.errors import DependencyUnavailable, StartupRefused
from shared.settings import ENV_PREFIX
from store.errors import InvalidDatabaseUrl
from store.migrations import migrate


def main() -> None:
    """Migrate. Exit status: 0 done, 2 the address cannot be used, 3 unknown revision, 4 the database is unavailable."""
    database_url = os.environ.get(f"{ENV_PREFIX}DATABASE_URL", "")
    try:
        asyncio.run(migrate(database_url, progress=lambda sentence: print(sentence, flush=True)))  # noqa: T201 - a command prints
    except InvalidDatabaseUrl as error:
        sys.exit(_failed(f"{ENV_PREFIX}DATABASE_URL: {error}", 2))
    except StartupRefused as error:
        sys.exit(_failed(str(error), 3))
    except DependencyUnavailable as error:
        sys.exit(_failed(str(error), 4))


def _failed(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - a command prints
    return code


if __name__ == "__main__":
    main()
