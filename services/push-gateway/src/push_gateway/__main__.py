"""`python -m push_gateway`: the push gateway as a process of its own."""

from push_gateway.app import lifespan
from push_gateway.settings import Settings
from shared.process import run_as_process


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    run_as_process(
        "push_gateway", Settings, lifespan, description="Pushes every change of an inbox to its user's sockets."
    )


if __name__ == "__main__":
    main()
