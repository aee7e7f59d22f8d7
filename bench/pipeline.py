"""How fast a webhook becomes a frame on a WebSocket, measured end to end against a running system on this machine.

Run from the root, with one of:
    python -m bench.pipeline --start
    switchboard up --json | tee up.json    and then    python -m bench.pipeline --up-json up.json
    python -m bench.pipeline --webhooks URL --api URL --ws URL --app-secret … --admin-token …

Closed loop: a fixed number of webhooks in flight. Open loop: a fixed rate, latency counted from the moment a webhook
was meant to be sent, so that a stalled system cannot hide its stalls (coordinated omission). At the end every webhook
that was answered 200 must have come exactly once, on its user's socket, in a `seq` without holes; otherwise the exit
status is 1.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command; also as a script, where Python does not put the root on its path."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from bench.pipeline_load.command import run  # noqa: PLC0415 - needs the path above

    sys.exit(run(sys.argv[1:], description=__doc__))


if __name__ == "__main__":
    main()
