"""Which clients share an address. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

_IPV6_PREFIX_BITS = 64
"""One customer of a network operator has at least this much (RFC 6177)."""


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Sequence[Network]) -> str:
    """Return the address of a client: that of its connection, or what trusted proxies say about it.

    A client can write anything into `X-Forwarded-For`, but only in front of what the proxies add. So the list is read
    from its end, for as long as the one who wrote an entry is trusted.

    Args:
        peer: Address at the other end of the connection.
        forwarded_for: All values of `X-Forwarded-For`, in order.
        trusted: The proxies.
    """
    found = peer
    entries = [entry.strip() for value in forwarded_for for entry in value.split(",")]
    while entries and _is_trusted(found, trusted) and _parse(entries[-1]) is not None:
        found = entries.pop()
    return found


def share_of(address: str) -> str:
    """Return what all clients have in common that count as one: the IPv4 address, or the IPv6 network.

    Args:
        address: Text that is no address, such as the path of a Unix socket, stands for itself.
    """
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _IPV6_PREFIX_BITS), strict=False))
    return address if parsed is None else str(parsed)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
