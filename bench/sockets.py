"""Measures many sockets on one gateway process: how fast they open, what idle ones cost, how all resume after a crash.

Run from the root: python -m bench.sockets [--sockets N]. The gateway is its own process with the in-process broker.
This process is its store, and two others are the clients, one user per socket.
"""

import argparse
import json
from dataclasses import asdict

import uvloop

from tests.integration.push_gateway.reconnect_storm import measure_reconnect_storm

TIMEOUT_SECONDS = 600.0
IDLE_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sockets", description=__doc__)
    parser.add_argument("--sockets", type=int, default=2_000, help="how many, over all clients (default: %(default)s)")
    arguments = parser.parse_args()
    measuring = measure_reconnect_storm(arguments.sockets, idle_seconds=IDLE_SECONDS, timeout_seconds=TIMEOUT_SECONDS)
    try:
        connection_cost, reconnect_cost = uvloop.run(measuring)
    except RuntimeError as error:
        parser.error(str(error))
    costs = {"connection_cost": asdict(connection_cost), "reconnect_cost": asdict(reconnect_cost)}
    print(json.dumps({"sockets": arguments.sockets, **costs}, indent=2))


if __name__ == "__main__":
    main()
