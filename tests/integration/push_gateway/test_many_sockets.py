"""A gateway with many sockets is killed: all clients resume, miss nothing, and cause few queries."""

import os
import resource

import pytest

from tests.integration.push_gateway.client_processes import allow_sockets
from tests.integration.push_gateway.reconnect_storm import ConnectionCost, ReconnectCost, measure_reconnect_storm

SOCKETS = 300
SOAK_SOCKETS = int(os.environ.get("SWITCHBOARD_SOAK_SOCKETS", "10000"))
TIMEOUT_SECONDS = 100.0
SOAK_TIMEOUT_SECONDS = 600.0
MAX_KIB_PER_SOCKET = 64
BATCH_WINDOW_SECONDS = 0.05
USERS_PER_QUERY = 64


def assert_within_limits(sockets: int, connection_cost: ConnectionCost, resumed: ReconnectCost) -> None:
    """Queries are limited by time and by how many users fit into one, however the clients reconnect."""
    assert connection_cost.rss_kib_per_socket < MAX_KIB_PER_SOCKET
    assert connection_cost.queries_while_opening <= sockets
    assert resumed.faults == 0, "a gap, a duplicate or a reset"
    assert resumed.users_read <= sockets * 1.1, "once each, except for clients that timed out and retried"
    batch_windows = resumed.seconds_from_listening / BATCH_WINDOW_SECONDS
    assert resumed.log_queries <= batch_windows + sockets / USERS_PER_QUERY + 3


@pytest.mark.timeout(2 * TIMEOUT_SECONDS)
async def test_all_clients_resume_after_the_gateway_was_killed() -> None:
    assert_within_limits(
        SOCKETS, *await measure_reconnect_storm(SOCKETS, idle_seconds=0.5, timeout_seconds=TIMEOUT_SECONDS)
    )


@pytest.mark.soak
@pytest.mark.timeout(2 * SOAK_TIMEOUT_SECONDS)
async def test_thousands_of_clients_resume_after_the_gateway_was_killed() -> None:
    measured = await measure_reconnect_storm(SOAK_SOCKETS, idle_seconds=5.0, timeout_seconds=SOAK_TIMEOUT_SECONDS)
    print(*measured, sep="\n")  # noqa: T201 - pytest -s shows what was measured
    assert_within_limits(SOAK_SOCKETS, *measured)


def test_too_low_a_limit_of_open_files_is_reported() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(RuntimeError, match="ulimit -Hn"):
        allow_sockets(hard)
