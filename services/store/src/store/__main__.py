"""`python -m store`."""

from shared.process import run_as_process
from store.app import lifespan
from store.settings import Settings


def main() -> None:
    """Be the store until SIGINT or SIGTERM."""
    run_as_process("store", Settings, lifespan, description="Keeps messages, conversations and accounts; serves /api.")


if __name__ == "__main__":
    main()
