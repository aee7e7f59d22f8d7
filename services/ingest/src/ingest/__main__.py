"""`python -m ingest`: the service as a process."""

from ingest.app import lifespan
from ingest.settings import Settings
from shared.process import run_as_process


def main() -> None:
    """Run ingest until SIGINT or SIGTERM."""
    run_as_process("ingest", Settings, lifespan, description="Receives webhooks and publishes them.")


if __name__ == "__main__":
    main()
