"""Measures how fast a webhook becomes a WebSocket frame, end to end, against a running system on this machine.

Run it from the root of the repository, in one of these ways:
    python -m bench.pipeline --start
    switchboard up --json | tee up.json    and then    python -m bench.pipeline --up-json up.json
    python -m bench.pipeline --webhooks URL --api URL --ws URL --app-secret … --admin-token …

Closed loop: a fixed number of webhooks in flight. Open loop: a fixed rate, with latencies measured from the time at
which a webhook was due, so that a stalled system cannot hide its stalls (coordinated omission). At the end, every
webhook that got a 200 must have arrived exactly once, on its user's socket, in a `seq` without holes. Otherwise the
exit status is 1.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command; also works as a script, for which Python does not add the root to its path."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from bench.pipeline_load.command import run  # noqa: PLC0415 - needs the path above

    sys.exit(run(sys.argv[1:], description=__doc__))


if __name__ == "__main__":
    main()
