"""Handshakes are limited, and the limit is shared among addresses."""

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from push_gateway.metrics import Metrics
from push_gateway.transport.addresses import client_address, share_of
from push_gateway.transport.handshake_limiter import HandshakeLimiter

LIMIT = 6
PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@dataclass(eq=False)
class Connection:
    address: str
    has_given_way: bool = False

    def give_way(self) -> None:
        assert not self.has_given_way
        self.has_given_way = True


def limiter(limit: int = LIMIT) -> HandshakeLimiter:
    return HandshakeLimiter(limit, Metrics(CollectorRegistry()))


def test_an_address_may_have_all_handshakes_but_gives_way_to_a_newcomer() -> None:
    handshakes = limiter()
    crowd = [Connection("a") for _ in range(LIMIT)]
    assert all(handshakes.acquire(one, "a") for one in crowd)
    assert not handshakes.acquire(Connection("a"), "a"), "nobody gives way to their own address"

    assert all(handshakes.acquire(Connection("b"), "b") for _ in range(LIMIT // 2))
    assert not handshakes.acquire(Connection("b"), "b"), "both have the same share"
    assert [one.has_given_way for one in crowd] == [True] * (LIMIT // 2) + [False] * (LIMIT // 2), "the oldest first"


def test_a_handshake_counts_for_the_client_that_its_proxy_names() -> None:
    handshakes = limiter(2)
    first, second = Connection("proxy"), Connection("proxy")
    for one in (first, second):
        assert handshakes.acquire(one, "proxy")
        handshakes.move(one, "a")

    assert handshakes.acquire(Connection("proxy"), "proxy")
    assert first.has_given_way
    handshakes.move(first, "b")
    assert len(handshakes) == 2, "what has given way is not counted again"


steps = st.lists(st.tuples(st.sampled_from(["acquire", "release", "move"]), st.sampled_from("abcd"), st.integers(0, 9)))


@given(steps)
def test_a_newcomer_is_refused_only_if_no_address_has_more(steps: list[tuple[str, str, int]]) -> None:
    handshakes = limiter()
    counted: list[Connection] = []
    for step, address, index in steps:
        before = Counter(one.address for one in counted)
        if step == "acquire":
            connection = Connection(address)
            if handshakes.acquire(connection, address):
                counted.append(connection)
            else:
                assert len(counted) == LIMIT
                assert max(before.values()) <= before[address] + 1
        elif counted and step == "release":
            handshakes.release(counted.pop(index % len(counted)))
        elif counted:
            moved = counted[index % len(counted)]
            handshakes.move(moved, address)
            moved.address = address
        gone = [one for one in counted if one.has_given_way]
        assert len(gone) <= 1
        counted = [one for one in counted if not one.has_given_way]
        if gone:
            after = Counter(one.address for one in counted)
            assert after[gone[0].address] + 1 == max(before.values()), "of the address with the most"
        assert len(handshakes) == len(counted) <= LIMIT


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.7", "10.9.9.9"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
    ],
)
def test_only_trusted_proxies_say_which_address_a_client_has(peer: str, forwarded_for: list[str], client: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == client


def test_an_ipv6_network_has_one_share_and_so_has_an_ipv4_address() -> None:
    assert share_of("2001:db8::1") == share_of("2001:db8::ffff:1%eth0") != share_of("2001:db8:0:1::1")
    assert share_of("::ffff:192.0.2.1") == share_of("192.0.2.1") != share_of("192.0.2.2")
    assert share_of("") == ""
