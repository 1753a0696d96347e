"""From where a call comes: the connection, and the address by which callers are counted."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

# What one household or one attacker is given of IPv6: to count single ones would count nobody.
_IPV6_PREFIX_BITS = 64

Remote = tuple[str, int]  # host and port of the other end of a connection


def remote_of(peer: str) -> Remote:
    """Of gRPC's "ipv4:1.2.3.4:5" or "ipv6:%5B2001:db8::1%5D:5"; of what is neither, all of it
    and no port."""
    host, _, port = unquote(peer).partition(":")[2].rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return peer, 0
    return str(getattr(address, "ipv4_mapped", None) or address), int(port)


def address_of(peer: str) -> str:
    """The address without the port; of an IPv6 address the network (/64), because its owner
    has as many addresses as he likes."""
    host, port = remote_of(peer)
    return network_of(host) if port else host


def network_of(host: str) -> str:
    """What counts as one address: of IPv6 the network (/64)."""
    if ":" in host:
        return str(ipaddress.ip_network((host, _IPV6_PREFIX_BITS), strict=False))
    return host
