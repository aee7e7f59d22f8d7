"""`python -m enricher`: the service as a process."""

from enricher.app import lifespan
from enricher.settings import Settings
from shared.process import run_as_process


def main() -> None:
    """Run the enricher until SIGINT or SIGTERM."""
    run_as_process(
        "enricher",
        Settings,
        lifespan,
        description="Splits webhooks, and finds the owner and the profile of every item.",
    )


if __name__ == "__main__":
    main()
