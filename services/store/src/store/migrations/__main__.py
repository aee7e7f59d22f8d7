"""`python -m store.migrations`: bring the database that SWITCHBOARD_DATABASE_URL names to this version's schema."""

import asyncio
import os
import sys

from shared.errors import DependencyUnavailable, StartupRefused
from shared.settings import ENV_PREFIX
from store.errors import InvalidDatabaseUrl
from store.migrations import migrate


def main() -> None:
    """Exit 0 when the schema is there; 2 without a usable address, 3 if it must not be touched, 4 if it cannot be."""
    database_url = os.environ.get(f"{ENV_PREFIX}DATABASE_URL", "")
    try:
        asyncio.run(migrate(database_url, progress=lambda sentence: print(sentence, flush=True)))  # noqa: T201 - a command prints
    except InvalidDatabaseUrl as problem:
        sys.exit(_failed(f"{ENV_PREFIX}DATABASE_URL: {problem}", 2))
    except StartupRefused as problem:
        sys.exit(_failed(str(problem), 3))
    except DependencyUnavailable as problem:
        sys.exit(_failed(str(problem), 4))


def _failed(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 - a command prints
    return code


if __name__ == "__main__":
    main()
