"""Very many sockets on one gateway process, which is killed: all come back, miss nothing, and ask the store little."""

import os
import resource

import pytest

from tests.integration.push_gateway.client_processes import allow_sockets
from tests.integration.push_gateway.reconnect_storm import Crowded, Resumed, crowded_then_resumed

SOCKETS = 300
SOAK_SOCKETS = int(os.environ.get("SWITCHBOARD_SOAK_SOCKETS", "10000"))
LONGEST_WAIT_SECONDS = 100.0
SOAK_LONGEST_WAIT_SECONDS = 600.0
MOST_KIB_PER_SOCKET = 64
GATHER_SECONDS = 0.05
USERS_PER_QUERY = 64


def assert_cheap(sockets: int, crowded: Crowded, resumed: Resumed) -> None:
    """Queries are bounded by the clock and by how many users fit into one, however the users come."""
    assert crowded.rss_kib_per_socket < MOST_KIB_PER_SOCKET
    assert crowded.queries_while_opening <= sockets
    assert resumed.faults == 0, "a hole, a repetition or a reset"
    assert resumed.users_read <= sockets * 1.1, "once each, but for who gave up and came again"
    by_the_clock = resumed.seconds_from_listening / GATHER_SECONDS
    assert resumed.log_queries <= by_the_clock + sockets / USERS_PER_QUERY + 3


@pytest.mark.timeout(2 * LONGEST_WAIT_SECONDS)
async def test_all_clients_resume_after_the_gateway_was_killed() -> None:
    assert_cheap(
        SOCKETS, *await crowded_then_resumed(SOCKETS, idle_seconds=0.5, longest_wait_seconds=LONGEST_WAIT_SECONDS)
    )


@pytest.mark.soak
@pytest.mark.timeout(2 * SOAK_LONGEST_WAIT_SECONDS)
async def test_thousands_of_clients_resume_after_the_gateway_was_killed() -> None:
    measured = await crowded_then_resumed(
        SOAK_SOCKETS, idle_seconds=5.0, longest_wait_seconds=SOAK_LONGEST_WAIT_SECONDS
    )
    print(*measured, sep="\n")  # noqa: T201 - what is measured is the point of it: pytest -s shows it
    assert_cheap(SOAK_SOCKETS, *measured)


def test_too_low_a_limit_of_open_files_is_reported() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(RuntimeError, match="ulimit -Hn"):
        allow_sockets(hard)
