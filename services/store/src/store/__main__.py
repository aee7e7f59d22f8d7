"""`python -m store`."""

from shared.process import run_as_process
from store.app import running
from store.settings import Settings


def main() -> None:
    """Be the store until SIGINT or SIGTERM."""
    run_as_process("store", Settings, running, description="Keeps messages, conversations and accounts; serves /api.")


if __name__ == "__main__":
    main()
