"""Many sockets on one gateway process: how fast they open, what an idle one costs, and how all come back after a crash.

Run from the root: python -m bench.sockets [--sockets N]. The gateway is a process of its own, with the broker of one
process; this process is its store, and two others are the clients, one user a socket.
"""

import argparse
import json
from dataclasses import asdict

import uvloop

from tests.integration.push_gateway.reconnect_storm import crowded_then_resumed

LONGEST_WAIT_SECONDS = 600.0
IDLE_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sockets", description=__doc__)
    parser.add_argument("--sockets", type=int, default=2_000, help="how many, over all clients (default: %(default)s)")
    arguments = parser.parse_args()
    measuring = crowded_then_resumed(
        arguments.sockets, idle_seconds=IDLE_SECONDS, longest_wait_seconds=LONGEST_WAIT_SECONDS
    )
    try:
        crowded, resumed = uvloop.run(measuring)
    except RuntimeError as error:
        parser.error(str(error))
    print(json.dumps({"sockets": arguments.sockets, "crowded": asdict(crowded), "resumed": asdict(resumed)}, indent=2))


if __name__ == "__main__":
    main()
