"""From where a call comes: the address by which those who call from one place are counted."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

# What one household or one attacker is given of IPv6: to count single ones would count nobody.
_IPV6_PREFIX_BITS = 64


def address_of(peer: str) -> str:
    """Of gRPC's "ipv4:1.2.3.4:5" or "ipv6:%5B2001:db8::1%5D:5", without the port; of an IPv6
    address the network (/64), because its owner has as many addresses as he likes."""
    host = unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX_BITS), strict=False))
